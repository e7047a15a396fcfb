/* What the machine is and does: time, memory, and how fast it can read. */
#ifndef POME_APPS_MACHINE_H
#define POME_APPS_MACHINE_H

#include <stddef.h>

/* Seconds since some fixed moment. */
double machine_seconds(void);
/* Most memory this process has held so far, in bytes. */
double machine_peak_memory(void);
/* Bytes of a file, or of all files in a folder. */
double machine_size_of(const char *path);
/* Threads that `wanted` (0: all cores) stands for. */
int machine_threads(int wanted);
/* Bytes a second that `threads` threads read from memory; 0 when it cannot be measured. Takes about
 * 0.2 s and three times the last cache. */
double machine_read_bandwidth(int threads);

double machine_median(double *values, size_t count); /* sorts them */

#endif
