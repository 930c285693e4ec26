"""What measure.py is made of: processes on a core, programs, and the measurements themselves."""
