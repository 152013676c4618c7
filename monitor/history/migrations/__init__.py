"""How a state of any release becomes one of this release. Imported only when a state is behind."""
