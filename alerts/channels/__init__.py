"""How each kind of target is reached: by the library's plug-ins, or by our own where those can neither update an
alert nor end it. Knows addresses and keys, and lets nothing of them out; decides nothing about what is told to
whom.
"""
