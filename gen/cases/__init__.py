"""The tests of instructions: every form of every row, with inputs."""
