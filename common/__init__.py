"""What the chapters take for granted: buffers, networks, environments, flags, files and plots."""
