/* The smallest models that exercise a whole path, and the files around them. */
#include "tiny_model.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- MIL ---- */

wire tiny_tensor_type(int dtype, int rank, const int64_t *dims) {
  wire tensor = {0}, type = {0};
  wire_uint(&tensor, 1, (uint64_t)dtype);
  wire_uint(&tensor, 2, (uint64_t)rank);
  for (int i = 0; i < rank; i++) {
    wire size = {0}, dimension = {0};
    if (dims[i] >= 0) wire_uint(&size, 1, (uint64_t)dims[i]);
    wire_message(&dimension, dims[i] >= 0 ? 1 : 2, size);
    wire_message(&tensor, 3, dimension);
  }
  wire_message(&type, 1, tensor);
  return type;
}

wire tiny_value(wire type, uint32_t list_field, wire list) {
  wire tensor = {0}, immediate = {0}, value = {0};
  wire_message(&tensor, list_field, list);
  wire_message(&immediate, 1, tensor);
  wire_message(&value, 2, type);
  wire_message(&value, 3, immediate);
  return value;
}

wire tiny_string_value(const char *text) {
  wire list = {0};
  wire_text(&list, 1, text);
  return tiny_value(tiny_tensor_type(MIL_STRING, 0, NULL), 4, list);
}

wire tiny_blob_value(wire type, const char *file, uint64_t offset) {
  wire blob = {0}, value = {0};
  wire_text(&blob, 1, file);
  wire_uint(&blob, 2, offset);
  wire_message(&value, 2, type);
  wire_message(&value, 5, blob);
  return value;
}

wire tiny_entry(const char *key, wire value) {
  wire entry = {0};
  wire_text(&entry, 1, key);
  wire_message(&entry, 2, value);
  return entry;
}

wire tiny_named_type(const char *name, wire type) {
  wire named = {0};
  wire_text(&named, 1, name);
  wire_message(&named, 2, type);
  return named;
}

void tiny_op_input(wire *op, const char *key, const char *name) {
  wire binding = {0}, argument = {0};
  wire_text(&binding, 1, name);
  wire_message(&argument, 1, binding);
  wire_message(op, 2, tiny_entry(key, argument));
}

wire tiny_const(const char *name, wire type, wire value) {
  wire op = {0};
  wire_text(&op, 1, "const");
  wire_message(&op, 3, tiny_named_type(name, type));
  wire_message(&op, 5, tiny_entry("name", tiny_string_value(name)));
  wire_message(&op, 5, tiny_entry("val", value));
  return op;
}

static wire pair_type(void) {
  return tiny_tensor_type(MIL_FP32, 1, (const int64_t[]){2});
}

wire tiny_add(const char *name, const char *x, const char *y) {
  wire op = {0};
  wire_text(&op, 1, "add");
  tiny_op_input(&op, "x", x);
  tiny_op_input(&op, "y", y);
  wire_message(&op, 3, tiny_named_type(name, pair_type()));
  wire_message(&op, 5, tiny_entry("name", tiny_string_value(name)));
  return op;
}

wire tiny_program(wire block) {
  wire function = {0}, program = {0};
  wire_message(&function, 1, tiny_named_type("x", pair_type()));
  wire_text(&function, 2, "CoreML7");
  wire_message(&function, 3, tiny_entry("CoreML7", block));
  wire_uint(&program, 1, 1);
  wire_message(&program, 2, tiny_entry("main", function));
  return program;
}

static const float one_two[2] = {1, 2};

wire tiny_add_block(bool from_blob) {
  wire block = {0}, list = {0}, value;
  if (from_blob) {
    value = tiny_blob_value(pair_type(), "@model_path/weights/weight.bin", 64);
  } else {
    wire_bytes(&list, 1, one_two, sizeof(one_two));
    value = tiny_value(pair_type(), 1, list);
  }
  wire_text(&block, 2, "y");
  wire_message(&block, 3, tiny_const("c", pair_type(), value));
  wire_message(&block, 3, tiny_add("y", "x", "c"));
  return block;
}

/* ---- Model ---- */

static wire port(const char *name) {
  wire array = {0}, type = {0}, feature = {0};
  const uint8_t shape[] = {2};
  wire_bytes(&array, 1, shape, sizeof(shape));
  wire_uint(&array, 2, 65568);
  wire_message(&type, 5, array);
  wire_text(&feature, 1, name);
  wire_message(&feature, 3, type);
  return feature;
}

wire tiny_model(wire program) {
  wire description = {0}, model = {0};
  wire_message(&description, 1, port("x"));
  wire_message(&description, 10, port("y"));
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, description);
  wire_message(&model, 502, program);
  return model;
}

/* ---- weight file ---- */

static void put_number(wire *out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) {
    uint8_t byte = (uint8_t)(value >> (8 * i));
    wire_raw(out, &byte, 1);
  }
}

static void pad(wire *out) {
  const uint8_t zero = 0;
  while (out->size % 64 != 0) wire_raw(out, &zero, 1);
}

uint64_t tiny_weight_record(wire *file, uint32_t type, uint64_t padding, const void *data,
                            size_t size) {
  if (file->size == 0) {
    put_number(file, 1, 4);
    put_number(file, 2, 4);
    pad(file);
  }
  uint64_t offset = file->size;
  put_number(file, 0xDEADBEEF, 4);
  put_number(file, type, 4);
  put_number(file, size, 8);
  put_number(file, offset + 64, 8);
  put_number(file, padding, 8);
  pad(file);
  wire_raw(file, data, size);
  pad(file);
  return offset;
}

wire tiny_weights(void) {
  wire file = {0};
  (void)tiny_weight_record(&file, 2, 0, one_two, sizeof(one_two));
  return file;
}

/* ---- files ---- */

static void give_up(const char *what, const char *path) {
  fprintf(stderr, "cannot %s %s\n", what, path);
  abort();
}

void tiny_folder(char *path, size_t size) {
  const char *base = getenv("TMPDIR");
  snprintf(path, size, "%s/pome-test-XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(path)) give_up("make", path);
}

void tiny_make_folder(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  if (mkdir(path, 0755) != 0) give_up("make", path);
}

void tiny_write(const char *folder, const char *name, const void *data, size_t size) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (!file || (size > 0 && fwrite(data, 1, size, file) != size) || fclose(file) != 0)
    give_up("write", path);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)kind;
  (void)walk;
  return remove(path);
}

void tiny_remove(const char *folder) {
  (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void tiny_manifest(const char *folder, const char *item_path) {
  char text[8192];
  int length =
      snprintf(text, sizeof(text),
               "{\"fileFormatVersion\": \"1.0.0\", \"rootModelIdentifier\": \"A\", "
               "\"itemInfoEntries\": {\"A\": {\"path\": \"%s\", \"name\": \"model.mlmodel\"}}}",
               item_path);
  tiny_write(folder, "Manifest.json", text, (size_t)length);
}

void tiny_package(const char *folder, const wire *model, const wire *weights) {
  tiny_manifest(folder, "com.apple.CoreML/model.mlmodel");
  tiny_make_folder(folder, "Data");
  tiny_make_folder(folder, "Data/com.apple.CoreML");
  tiny_write(folder, "Data/com.apple.CoreML/model.mlmodel", model->data, model->size);
  if (!weights) return;
  tiny_make_folder(folder, "Data/com.apple.CoreML/weights");
  tiny_write(folder, "Data/com.apple.CoreML/weights/weight.bin", weights->data, weights->size);
}

/* ---- surroundings ---- */

const char *tiny_shared(void) {
  const char *path = getenv("POME_SHARED");
  if (!path || path[0] == '\0') path = "../shared";
  struct stat info;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return path;
  printf("SKIP: no shared data at %s; set POME_SHARED to its folder\n", path);
  return NULL;
}

size_t tiny_resident(void) {
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
  fclose(file);
  return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

double tiny_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
