/* Replays a corpus through a fuzz target: every file named, or in a folder named, on the command
 * line. Fails when there is nothing to replay, so that a corpus that went missing is noticed.
 * Compiled by AFL++ and started without names, it takes inputs from the fuzzer instead, many to a
 * process.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat facts;
  if (!file || fstat(fileno(file), &facts) != 0) {
    perror(path);
    if (file) fclose(file);
    return 1;
  }
  /* Exactly as large as the input, so that a sanitizer sees every read behind its end. */
  size_t size = (size_t)facts.st_size;
  uint8_t *data = malloc(size ? size : 1);
  int failed = !data || fread(data, 1, size, file) != size;
  fclose(file);
  if (!failed) {
    LLVMFuzzerTestOneInput(data, size);
    replayed++;
  }
  free(data);
  return failed;
}

static int replay_folder(const char *path) {
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort), failed = 0;
  if (count < 0) {
    perror(path);
    return 1;
  }
  for (int i = 0; i < count; i++) {
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.') failed |= replay_file(name);
    free(entries[i]);
  }
  free(entries);
  return failed;
}

#ifdef __AFL_COMPILER
#include <unistd.h>

__AFL_FUZZ_INIT();

static int fuzz(void) {
  __AFL_INIT();
  const unsigned char *input = __AFL_FUZZ_TESTCASE_BUF;
  while (__AFL_LOOP(10000)) {
    size_t size = (size_t)__AFL_FUZZ_TESTCASE_LEN;
    uint8_t *data = malloc(size ? size : 1);
    if (!data) return 1;
    memcpy(data, input, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
  }
  return 0;
}
#endif

int main(int count, char **paths) {
  int failed = 0;
#ifdef __AFL_COMPILER
  if (count == 1) return fuzz();
#endif
  for (int i = 1; i < count; i++) {
    struct stat facts;
    if (stat(paths[i], &facts) == 0 && S_ISDIR(facts.st_mode)) failed |= replay_folder(paths[i]);
    else failed |= replay_file(paths[i]);
  }
  printf("%zu inputs replayed\n", replayed);
  return failed || replayed == 0;
}
