/* Finding files beside a model. */
#include "llm/folder.h"

#include <string.h>

#include "base/error.h"

pome_status pome__model_folder(const char *path, char *folder, pome_error *error) {
  static const char *const endings[] = {".mlpackage", ".mlmodelc"};
  size_t size = strlen(path);
  if (size >= POME__PATH_LIMIT)
    return pome__fail(error, POME_INPUT, "a path of %zu bytes; at most %zu are allowed", size,
                      POME__PATH_LIMIT - 1);
  memcpy(folder, path, size + 1);
  while (size > 1 && folder[size - 1] == '/') folder[--size] = '\0';
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t ending = strlen(endings[i]);
    if (size <= ending || strcmp(folder + size - ending, endings[i]) != 0) continue;
    while (size > 0 && folder[size - 1] != '/') size--;
    if (size == 0) folder[size++] = '.';
    else if (size > 1) size--;
    folder[size] = '\0';
  }
  return POME_OK;
}

bool pome__file_beside(const char *folder, const char *name, char *path) {
  return pome__path_join(path, POME__PATH_LIMIT, folder, name) &&
         pome__path_kind_of(path) == POME__PATH_FILE;
}
