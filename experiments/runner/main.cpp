#include "experiments/runner/cli.h"

int main(int argc, char** argv) { return runner::command_line(argc, argv); }
