"""What scanning with a camera costs and finds: choice of frames, requests, the device's networks."""
