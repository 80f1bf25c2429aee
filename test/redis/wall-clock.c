// Gives a process another wall clock, for tests: LD_PRELOAD this with WALL_CLOCK naming a file that says which. "=1800000000000" stops the
// clock at that Unix time in ms, "+3600000" and "-3600000" move it; an empty file leaves it as it is. The file may be replaced at any time.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// By system calls alone: whatever allocates memory or looks up a symbol here may ask for the time itself.
static long long now_us(void) {
  struct timespec real;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
  long long us = real.tv_sec * 1000000LL + real.tv_nsec / 1000;
  const char *path = getenv("WALL_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return us;
  char text[32] = {0};
  ssize_t length = pread(file, text, sizeof text - 1, 0);
  close(file);
  if (length <= 0) return us;
  return text[0] == '=' ? atoll(text + 1) * 1000 : us + atoll(text) * 1000;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  (void)zone;
  long long us = now_us();
  tv->tv_sec = us / 1000000;
  tv->tv_usec = us % 1000000;
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *tp) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, clock, tp);
  long long us = now_us();
  tp->tv_sec = us / 1000000;
  tp->tv_nsec = us % 1000000 * 1000;
  return 0;
}

time_t time(time_t *where) {
  time_t seconds = now_us() / 1000000;
  if (where != NULL) *where = seconds;
  return seconds;
}
