/* The devices that pome knows, in the order `auto` tries them. */
#ifndef POME_SRC_BACKEND_BACKENDS_H
#define POME_SRC_BACKEND_BACKENDS_H

#include "plan/backend.h"

extern const pome__backend pome__backend_ref;
extern const pome__backend pome__backend_cpu;

typedef struct pome__device {
  const char *name;
  const pome__backend *backend; /* NULL: this build has none */
  const char *description;
  const char *missing; /* why there is no backend; "" otherwise */
  bool automatic;      /* part of `auto` */
} pome__device;

size_t pome__device_count(void);
const pome__device *pome__device_at(size_t index);
/* NULL when no device has that name. */
const pome__device *pome__device_find(const char *name, size_t size);

#endif
