"""Looking at what the agent needs of an instance: what works, what does not, and exactly what to paste.

`probe` tries, `verdict` says what an answer means, `merging` and `asking` make of it what a person hands on.
Works without a state and without an agent, through the same connection as the agent's.
"""
