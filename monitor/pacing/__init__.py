"""When an instance is polled next: `pace` decides, `pacer` remembers what it decides by."""
