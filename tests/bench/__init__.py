"""Measurements beside other programs: `make bench`. Nothing here is a test that asserts speed."""
