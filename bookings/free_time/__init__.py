"""Who is free when: opening hours, rules, busy times, slots."""
