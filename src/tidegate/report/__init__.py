"""Numbers to figures and one page; never trains."""
