"""Plans: what is to be changed on which host, decided and rendered before anything is sent."""
