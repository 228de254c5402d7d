// Preloaded, makes writing (or, with EIO_CALL=fsync, waiting for the disk) fail for every file
// whose path holds EIO_PATH.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int file, const char* call) {
  const char *part = getenv("EIO_PATH"), *only = getenv("EIO_CALL");
  if (!part || strcmp(only ? only : "write", call)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, part)) return 0;
  errno = EIO;
  return 1;
}

ssize_t write(int file, const void* from, size_t size) {
  ssize_t (*real)(int, const void*, size_t) = dlsym(RTLD_NEXT, "write");
  return fails(file, "write") ? -1 : real(file, from, size);
}

ssize_t pwrite64(int file, const void* from, size_t size, off_t place) {
  ssize_t (*real)(int, const void*, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
  return fails(file, "write") ? -1 : real(file, from, size, place);
}

int fsync(int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  return fails(file, "fsync") ? -1 : real(file);
}
