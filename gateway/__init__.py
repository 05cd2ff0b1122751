"""The running process: settings, HTTP edge, execution, upstream client, proxy, embedded server."""
