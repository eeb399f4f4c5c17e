"""What sets the project up; runs on a bare Python."""
