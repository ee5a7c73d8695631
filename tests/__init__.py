"""The tests mirror the package; tests/oracle compares with C, tests/chaos kills things."""
