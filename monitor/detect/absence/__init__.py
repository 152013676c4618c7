"""What did not happen though it was expected: slots, and the runs that fill them. Of jobs, not of series.

Nothing is concluded from time that was not read completely, and nothing before its instant has passed.
"""
