/* What loads must run without harm: packages cut at every byte, and thousands of changed packages
 * and programs, each of which is refused, or is planned and run on every backend.
 *
 * The changes come from a fixed generator, so a failure repeats. POME_MUTATIONS=N runs N mutants of
 * each kind instead of the usual number; POME_SEED=N starts the generator elsewhere. The mutant at
 * hand is kept in a file, which stays when the test crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget.h"
#include "exercise.h"
#include "mutate.h"
#include "seeds.h"
#include "tiny_model.h"

#define USUAL_MUTATIONS 12000
#define MEMORY_OF_A_RUN ((size_t)8 << 20)
#define PARSE_MEMORY    ((size_t)16 << 20)

static size_t number_from_environment(const char *name, size_t usual) {
  const char *text = getenv(name);
  return text != NULL && text[0] != '\0' ? (size_t)strtoull(text, NULL, 10) : usual;
}

static exercise new_exercise(void) {
  return (exercise){.random = 1 + number_from_environment("POME_SEED", 0),
                    .memory = MEMORY_OF_A_RUN,
                    .milliseconds = 50,
                    .predictions = 2};
}

/* ---- opening ---- */

typedef struct tally {
  exercise e;
  size_t opened, refused;
} tally;

static void settle(tally *t, pome_status status, pome_model *model, const pome_error *error) {
  if (status == POME_OK) {
    t->opened++;
    exercise_model(&t->e, model);
    pome_model_close(model);
    return;
  }
  t->refused++;
  assert_null(model);
  assert_int_equal(error->status, status);
  assert_true(error->message[0] != '\0');
  if (status == POME_INTERNAL) fail_msg("internal error: %s", error->message);
}

/* From blocks of exactly that size, so that a sanitizer sees the first byte behind them. */
static void open_copy(tally *t, const void *spec, size_t spec_size, const void *weights,
                      size_t weights_size) {
  void *a = malloc(spec_size + 1), *b = malloc(weights_size + 1);
  assert_true(a != NULL && b != NULL);
  memcpy(a, spec, spec_size);
  if (weights_size > 0) memcpy(b, weights, weights_size);
  budget books = budget_unlimited();
  pome_allocator allocator = budget_allocator(&books);
  pome_model_options options;
  pome_model_options_init(&options);
  options.allocator = &allocator;
  options.max_parse_memory = PARSE_MEMORY;
  pome_model *model = NULL;
  pome_error error = {0};
  pome_status status =
      pome_model_open_memory(a, spec_size, b, weights_size, &options, &model, &error);
  assert_true(books.peak < 4 * PARSE_MEMORY);
  settle(t, status, model, &error);
  assert_int_equal(books.blocks, 0);
  free(a);
  free(b);
}

static void open_folder(tally *t, const char *path) {
  pome_model *model = NULL;
  pome_error error = {0};
  pome_status status = pome_model_open(path, NULL, &model, &error);
  settle(t, status, model, &error);
}

static void report(const char *what, const tally *t) {
  print_message("%s: %zu opened, %zu refused; %zu plans, %zu refused; %zu predictions, %zu failed, "
                "%zu cancelled; slowest %.0f ms\n",
                what, t->opened, t->refused, t->e.plans, t->e.refused_plans, t->e.predictions_done,
                t->e.predictions_failed, t->e.cancelled, t->e.slowest);
}

/* ---- the seeds themselves ---- */

static void seeds_run(void **state) {
  (void)state;
  size_t count;
  seed *seeds = seeds_read(&count);
  for (size_t i = 0; i < count; i++) {
    tally t = {.e = new_exercise()};
    t.e.predictions = 8;
    pome_model *model = NULL;
    pome_error error = {0};
    if (pome_model_open_memory(seeds[i].text, seeds[i].size, NULL, 0, NULL, &model, &error) !=
        POME_OK) {
      fail_msg("%s: %s", seeds[i].name, error.message);
    }
    pome_model_close(model);
    open_copy(&t, seeds[i].text, seeds[i].size, NULL, 0);
    if (t.e.refused_plans > 0 || t.e.predictions_done == 0)
      fail_msg("%s: no prediction succeeds", seeds[i].name);
  }
  seeds_free(seeds, count);
}

/* ---- truncation ---- */

static wire package_model(bool from_blob) {
  return tiny_model(tiny_program(tiny_add_block(from_blob)));
}

/* Shorter and shorter, then whole again. Returns how many of the lengths open. */
static size_t cut_file(tally *t, const char *folder, const char *name, const void *data,
                       size_t size) {
  char path[512];
  size_t before = t->opened;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  tiny_write(folder, name, data, size);
  for (size_t cut = size; cut-- > 0;) {
    assert_int_equal(truncate(path, (off_t)cut), 0);
    open_folder(t, folder);
  }
  tiny_write(folder, name, data, size);
  return t->opened - before;
}

static void cut_packages(void **state) {
  (void)state;
  static const char manifest[] =
      "{\"fileFormatVersion\": \"1.0.0\", \"rootModelIdentifier\": \"A\", \"itemInfoEntries\": "
      "{\"A\": {\"path\": \"com.apple.CoreML/model.mlmodel\", \"name\": \"model.mlmodel\"}}}\n";
  tally t = {.e = new_exercise()};
  char folder[256];
  wire model = package_model(true), weights = tiny_weights();
  tiny_folder(folder, sizeof folder);
  tiny_package(folder, &model, &weights);
  open_folder(&t, folder);
  assert_int_equal(t.opened, 1);
  /* The newline at the end may be missing, and the padding behind the weights. */
  assert_int_equal(cut_file(&t, folder, "Manifest.json", manifest, sizeof manifest - 1), 1);
  assert_int_equal(
      cut_file(&t, folder, "Data/com.apple.CoreML/model.mlmodel", model.data, model.size), 0);
  assert_int_equal(
      cut_file(&t, folder, "Data/com.apple.CoreML/weights/weight.bin", weights.data, weights.size),
      weights.size - 136);
  open_folder(&t, folder);
  report("cut packages", &t);
  assert_int_equal(t.opened, 3 + weights.size - 136);
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

static void cut_programs(void **state) {
  (void)state;
  tally t = {.e = new_exercise()};
  size_t count;
  seed *seeds = seeds_read(&count);
  for (size_t i = 0; i < count; i++) {
    for (size_t cut = 0; cut < seeds[i].size; cut += 1 + (seeds[i].size > 1000))
      open_copy(&t, seeds[i].text, cut, NULL, 0);
  }
  report("cut programs", &t);
  seeds_free(seeds, count);
}

/* ---- mutation ---- */

/* Where the mutant at hand is kept: one open file, since closing one each time would wait for the
 * disk. */
typedef struct keeper {
  char path[64];
  int file;
} keeper;

static keeper keeper_open(void) {
  keeper k = {"/tmp/pome-mutant-XXXXXX", 0};
  k.file = mkstemp(k.path);
  assert_true(k.file >= 0);
  return k;
}

static void keep(const keeper *k, const void *data, size_t size) {
  assert_int_equal(pwrite(k->file, data, size, 0), size);
  assert_int_equal(ftruncate(k->file, (off_t)size), 0);
}

static void keeper_close(const keeper *k) {
  close(k->file);
  remove(k->path);
}

static void changed_programs(void **state) {
  (void)state;
  tally t = {.e = new_exercise()};
  size_t count, mutations = number_from_environment("POME_MUTATIONS", USUAL_MUTATIONS);
  seed *seeds = seeds_read(&count);
  uint64_t random = t.e.random;
  keeper kept = keeper_open();
  for (size_t i = 0; i < mutations; i++) {
    const seed *s = &seeds[i % count];
    size_t capacity = s->size + 4096;
    char *text = test_malloc(capacity);
    memcpy(text, s->text, s->size);
    size_t size = mutate_text(text, s->size, capacity, &random);
    keep(&kept, text, size);
    t.e.random = random;
    open_copy(&t, text, size, NULL, 0);
    test_free(text);
  }
  keeper_close(&kept);
  report("changed programs", &t);
  assert_true(mutations < 100 || t.opened > mutations / 10);
  seeds_free(seeds, count);
}

typedef struct package {
  wire model, weights;
} package;

static wire read_file(const char *folder, const char *name) {
  char path[512];
  wire content = {0};
  uint8_t block[4096];
  snprintf(path, sizeof path, "%s/Data/com.apple.CoreML/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return content;
  for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) wire_raw(&content, block, n);
  fclose(file);
  return content;
}

/* A program's text, saved as a package; empty when packages cannot hold it (a bool as output). */
static package package_of(const seed *s) {
  char folder[256], path[300];
  pome_model *model = NULL;
  package made = {0};
  pome_error error = {0};
  if (pome_model_open_memory(s->text, s->size, NULL, 0, NULL, &model, &error) != POME_OK)
    fail_msg("%s: %s", s->name, error.message);
  tiny_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/saved.mlpackage", folder);
  pome_status status = pome_model_save(model, path, NULL, &error);
  if (status == POME_OK)
    made = (package){read_file(path, "model.mlmodel"), read_file(path, "weights/weight.bin")};
  else if (status != POME_UNSUPPORTED) fail_msg("%s: %s", s->name, error.message);
  pome_model_close(model);
  tiny_remove(folder);
  return made;
}

static void changed_packages(void **state) {
  (void)state;
  tally t = {.e = new_exercise()};
  size_t count, mutations = number_from_environment("POME_MUTATIONS", USUAL_MUTATIONS);
  uint64_t random = t.e.random;
  keeper kept = keeper_open();
  seed *seeds = seeds_read(&count);
  package *packages = test_calloc(count + 1, sizeof *packages);
  size_t package_count = 0;
  for (size_t i = 0; i < count; i++) {
    packages[package_count] = package_of(&seeds[i]);
    package_count += packages[package_count].model.size > 0;
  }
  assert_true(package_count > count / 2);
  packages[package_count++] = (package){package_model(true), tiny_weights()};
  for (size_t i = 0; i < mutations; i++) {
    const package *p = &packages[i % package_count];
    wire a = {0}, b = {0};
    wire_raw(&a, p->model.data, p->model.size);
    wire_raw(&b, p->weights.data, p->weights.size);
    wire *changed = i % 4 == 0 && b.size > 0 ? &b : &a;
    mutate_bytes(changed->data, changed->size, &random);
    t.e.random = random;
    keep(&kept, changed->data, changed->size);
    open_copy(&t, a.data, a.size, b.data, b.size);
    wire_free(&a);
    wire_free(&b);
  }
  keeper_close(&kept);
  report("changed packages", &t);
  assert_true(mutations < 100 || t.opened > mutations / 20);
  for (size_t i = 0; i < package_count; i++) {
    wire_free(&packages[i].model);
    wire_free(&packages[i].weights);
  }
  test_free(packages);
  seeds_free(seeds, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(seeds_run),        cmocka_unit_test(cut_packages),
      cmocka_unit_test(cut_programs),     cmocka_unit_test(changed_programs),
      cmocka_unit_test(changed_packages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
