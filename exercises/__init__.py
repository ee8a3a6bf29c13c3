"""Exercises: functions of the chapters that the reader writes, and a checker that recognises the usual mistakes."""
