/* One table of devices. "Built without it", "not on this system" and "no device" are different
 * reasons. */
#include "backend/backends.h"

#include <string.h>

#ifdef __APPLE__
#define COREML_MISSING "this build has no Core ML backend"
#else
#define COREML_MISSING "Core ML exists on Apple systems only"
#endif

static const pome__device devices[] = {
    {"coreml", NULL, "Apple's Core ML: Neural Engine, GPU and CPU", COREML_MISSING, true},
    {"metal", NULL, "Apple's Core ML, restricted to CPU and GPU", COREML_MISSING, true},
    {"cuda", NULL, "NVIDIA GPUs", "this build has no CUDA backend", true},
    {"cpu", &pome__backend_cpu, "this machine's processor", "", true},
    {"ref", &pome__backend_ref, "reference interpreter on the processor", "", true},
};

size_t pome__device_count(void) {
  return sizeof devices / sizeof devices[0];
}

const pome__device *pome__device_at(size_t index) {
  return index < pome__device_count() ? &devices[index] : NULL;
}

const pome__device *pome__device_find(const char *name, size_t size) {
  for (size_t i = 0; i < pome__device_count(); i++) {
    if (strlen(devices[i].name) == size && memcmp(devices[i].name, name, size) == 0)
      return &devices[i];
  }
  return NULL;
}
