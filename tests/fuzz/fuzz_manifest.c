/* Hostile manifests: a path that is accepted stays below Data/. */
#include <stdlib.h>
#include <string.h>

#include "package/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[4096];
  pome_error error = {0};
  if (pome__manifest_parse((pome__bytes){data, size}, path, sizeof(path), &error) != POME_OK)
    return 0;
  size_t length = strlen(path);
  if (length < 6 || strncmp(path, "Data/", 5) != 0 || !pome__path_is_inside(path, length)) abort();
  if (path[length - 1] == '/' || strstr(path, "/../") || strcmp(path + length - 3, "/..") == 0)
    abort();
  return 0;
}
