"""What went wrong with the runs of one series: how they ended, and how long they take."""
