"""Supervisors killed at random: no service is lost, forgotten, or started twice."""
