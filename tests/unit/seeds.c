/* See seeds.h. */
#include "seeds.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/fuzz/corpus/run"

static int is_program(const struct dirent *entry) {
  const char *dot = strrchr(entry->d_name, '.');
  return dot != NULL && strcmp(dot, ".mil") == 0;
}

static void give_up(const char *name) {
  fprintf(stderr, "cannot read %s/%s; run the test in the root of the source tree\n", FOLDER, name);
  abort();
}

static seed read_seed(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", FOLDER, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) give_up(name);
  long size = ftell(file);
  seed s = {strdup(name), calloc(1, (size_t)size + 1), (size_t)size};
  rewind(file);
  if (s.name == NULL || s.text == NULL || fread(s.text, 1, s.size, file) != s.size) give_up(name);
  fclose(file);
  return s;
}

seed *seeds_read(size_t *count) {
  struct dirent **entries;
  int found = scandir(FOLDER, &entries, is_program, alphasort);
  if (found <= 0) give_up("");
  seed *seeds = calloc((size_t)found, sizeof *seeds);
  if (seeds == NULL) give_up("");
  for (int i = 0; i < found; i++) {
    seeds[i] = read_seed(entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  *count = (size_t)found;
  return seeds;
}

void seeds_free(seed *seeds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(seeds[i].name);
    free(seeds[i].text);
  }
  free(seeds);
}
