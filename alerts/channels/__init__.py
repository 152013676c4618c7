"""How each kind of target is reached: by a plug-in of the library, or by our own where that cannot update or
end an alert. Knows addresses and keys, and lets nothing of them out.
"""
