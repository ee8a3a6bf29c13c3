"""What a program needs: runs, settings and flags, files, evaluation, films and plots; no equation is here."""
