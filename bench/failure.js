/** What ends the benchmark: said in one line, exit code 1. */
export class Failure extends Error {}
