"""Jobs that disturb each other: who met whom, who came too soon after, who went before his turn."""
