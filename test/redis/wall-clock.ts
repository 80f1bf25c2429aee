import { spawnSync } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { temporaryDirectory, type Environment } from '../harness.js'

/** For `missing`: undefined where there is no C compiler. */
export const COMPILER = spawnSync('gcc', ['--version']).status === 0 ? 'gcc' : undefined
export const COMPILER_REMEDY = 'setting a process\'s clock needs a C compiler; install gcc and libc6-dev'

/** A wall clock of their own for processes that are started with its `environment`: redis-server, and nodes. */
export class WallClock {
  readonly environment: Environment
  readonly #file: string

  constructor (t: Test) {
    const directory = temporaryDirectory(t)
    const library = join(directory, 'wall-clock.so')
    const { status, stderr } = spawnSync('gcc', ['-shared', '-fPIC', '-O2', '-o', library, fileURLToPath(new URL('../../test/redis/wall-clock.c', import.meta.url))])
    if (status !== 0) throw new Error(`the clock did not compile: ${stderr.toString()}`)
    this.#file = join(directory, 'clock')
    this.environment = { LD_PRELOAD: library, WALL_CLOCK: this.#file }
    this.move(0)
  }

  /** Stops it. @param at Unix time in ms */
  stop (at: number): void {
    this.#set(`=${at}`)
  }

  /** Lets it run again. @param by ms before (less than 0) or after the real time */
  move (by: number): void {
    this.#set(by < 0 ? String(by) : `+${by}`)
  }

  /** At once, so that nobody reads half of it. */
  #set (text: string): void {
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
  }
}
