/* See machine.h. */
#include "machine.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cpu.h"

#define LEAST_BUFFER ((size_t)32 << 20)
#define MOST_BUFFER  ((size_t)256 << 20)
#define PASSES       3
#define MAX_THREADS  64
#define MAX_DEPTH    16

double machine_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double machine_peak_memory(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return (double)usage.ru_maxrss;
#else
  return (double)usage.ru_maxrss * 1024;
#endif
}

static double size_of(const char *path, int depth) {
  struct stat facts;
  if (lstat(path, &facts) != 0) return 0;
  if (S_ISREG(facts.st_mode)) return (double)facts.st_size;
  DIR *folder = S_ISDIR(facts.st_mode) && depth < MAX_DEPTH ? opendir(path) : NULL;
  double total = 0;
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    char name[4096];
    bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!itself && snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name)
      total += size_of(name, depth + 1);
  }
  if (folder) closedir(folder);
  return total;
}

double machine_size_of(const char *path) {
  struct stat facts;
  if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode)) return (double)facts.st_size;
  return size_of(path, 0);
}

int machine_threads(int wanted) {
  return wanted > 0 ? wanted : pome__cpu_count();
}

/* ---- reading ---- */

typedef struct reader {
  const uint64_t *begin;
  size_t count;
  uint64_t sum; /* kept, so that the loop is */
} reader;

static void *read_share(void *context) {
  reader *r = context;
  uint64_t sums[8] = {0};
  for (size_t i = 0; i + 8 <= r->count; i += 8)
    for (size_t j = 0; j < 8; j++) sums[j] += r->begin[i + j];
  for (size_t j = 0; j < 8; j++) r->sum += sums[j];
  return NULL;
}

/* The largest cache as Linux tells it, "32768K"; 0 when nobody tells. */
static size_t last_cache(void) {
  size_t largest = 0;
  for (int level = 0; level < 5; level++) {
    char path[64];
    unsigned long kib = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", level);
    FILE *file = fopen(path, "re");
    if (!file) continue;
    if (fscanf(file, "%9luK", &kib) == 1 && kib << 10 > largest) largest = kib << 10;
    fclose(file);
  }
  return largest;
}

/* So much that hardly any of it is still in a cache when it is read again. */
static size_t buffer_bytes(void) {
  size_t bytes = 3 * last_cache();
  if (bytes == 0 || bytes > MOST_BUFFER) return MOST_BUFFER;
  return bytes > LEAST_BUFFER ? bytes : LEAST_BUFFER;
}

/* Seconds for one pass over the buffer. */
static double read_once(const uint64_t *buffer, size_t bytes, int threads) {
  reader readers[MAX_THREADS];
  pthread_t handles[MAX_THREADS];
  size_t share = bytes / sizeof *buffer / (size_t)threads;
  int started = 0;
  double begin = machine_seconds();
  for (int i = 0; i < threads; i++)
    readers[i] = (reader){.begin = buffer + (size_t)i * share, .count = share};
  while (started + 1 < threads &&
         pthread_create(&handles[started], NULL, read_share, &readers[started + 1]) == 0)
    started++;
  read_share(&readers[0]);
  for (int i = started + 1; i < threads; i++) read_share(&readers[i]);
  for (int i = 0; i < started; i++) pthread_join(handles[i], NULL);
  return machine_seconds() - begin;
}

double machine_read_bandwidth(int threads) {
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if (threads < 1) threads = 1;
  size_t bytes = buffer_bytes();
  uint64_t *buffer = malloc(bytes);
  if (!buffer) return 0;
  memset(buffer, 1, bytes); /* untouched pages are all one page */
  double best = 0;
  for (int i = 0; i < PASSES; i++) {
    double seconds = read_once(buffer, bytes, threads);
    if (seconds > 0 && (double)bytes / seconds > best) best = (double)bytes / seconds;
  }
  free(buffer);
  return best;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

double machine_median(double *values, size_t count) {
  if (count == 0) return 0;
  qsort(values, count, sizeof *values, by_value);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
