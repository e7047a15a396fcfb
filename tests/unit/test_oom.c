/* Lack of memory at every place: for N = 0, 1, 2 ... the Nth allocation of a whole life (open,
 * plan, state, run, set, predict, read) is refused, alone or with all that follow.
 *
 * Each time the call at hand must say POME_MEMORY and leave its output alone, or, where it can do
 * without, succeed and still lead to the same results; and at the end every block must be back.
 * Lives with thousands of allocations are sampled. jansson's memory is starved in the same way, and
 * so is malloc itself where this program can stand in for it (glibc, no sanitizer): for a whole
 * life without an allocator, and for libzip when archives are read and written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "budget.h"
#include "seeds.h"
#include "text_model.h"
#include "tiny_model.h"
#include "wire/npz.h"

#define MOST_PLACES 400 /* of one life that are tried one by one */

/* ---- one life ---- */

typedef struct life {
  const char *path; /* opened from a path, or from `text` */
  const char *text;
  size_t size;
  const char *function; /* NULL: the default */
  const char *device;
  pome_numerics numerics;
  int64_t free_dim; /* what an unknown dimension becomes */
} life;

typedef struct objects {
  pome_model *model;
  pome_plan *plan;
  pome_state *state;
  pome_run *run;
} objects;

static char untouched;

/* A call that failed must have failed for lack of memory, and left its output. */
static bool went_well(pome_status status, const pome_error *error, const void *output) {
  if (status == POME_OK) return true;
  if (status != POME_MEMORY) fail_msg("%s: %s", pome_status_text(status), error->message);
  assert_int_equal(error->status, POME_MEMORY);
  assert_true(error->message[0] != '\0');
  assert_ptr_equal(output, &untouched);
  return false;
}

static bool open_model(const life *l, const pome_allocator *allocator, objects *o) {
  pome_model_options options;
  pome_model_options_init(&options);
  options.allocator = allocator;
  pome_model *model = (pome_model *)(void *)&untouched;
  pome_error error = {0};
  pome_status status =
      l->path ? pome_model_open(l->path, &options, &model, &error)
              : pome_model_open_memory(l->text, l->size, NULL, 0, &options, &model, &error);
  if (!went_well(status, &error, model)) return false;
  o->model = model;
  return true;
}

static bool make_plan(const life *l, const pome_allocator *allocator, const pome_function *function,
                      objects *o) {
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.allocator = allocator;
  options.devices = l->device;
  options.numerics = l->numerics;
  options.threads = 1;
  pome_plan *plan = (pome_plan *)(void *)&untouched;
  pome_error error = {0};
  if (!went_well(pome_plan_create(function, &options, &plan, &error), &error, plan)) return false;
  o->plan = plan;
  return true;
}

static bool make_run(const pome_allocator *allocator, const pome_function *function, objects *o) {
  pome_run_options options;
  pome_run_options_init(&options);
  options.allocator = allocator;
  pome_state *state = (pome_state *)(void *)&untouched;
  pome_run *run = (pome_run *)(void *)&untouched;
  pome_error error = {0};
  if (!went_well(pome_state_create(&function, 1, allocator, &state, &error), &error, state))
    return false;
  o->state = state;
  if (!went_well(pome_run_create(o->plan, &options, &run, &error), &error, run)) return false;
  o->run = run;
  return true;
}

/* Doubles wherever the port takes floats, so that the run needs memory for a converted copy. */
static bool set_input(const life *l, const pome_port *port, pome_run *run, double *numbers) {
  static int32_t wholes[1 << 16];
  bool is_float = strncmp(pome_dtype_name(port->dtype), "fp", 2) == 0;
  int64_t shape[POME_MAX_RANK];
  for (int d = 0; d < port->rank; d++)
    shape[d] = port->shape[d] == POME_DIM_UNKNOWN ? l->free_dim : port->shape[d];
  pome_tensor tensor = tensor_of(is_float ? POME_FP64 : POME_INT32, port->rank, shape,
                                 is_float ? (void *)numbers : wholes);
  assert_true(pome_tensor_count(&tensor) <= 1 << 16);
  for (size_t i = 0; i < pome_tensor_count(&tensor); i++) {
    numbers[i] = (double)(i % 7) - 2;
    wholes[i] = (int32_t)(i % 2);
  }
  pome_error error = {0};
  return went_well(pome_run_set_tensor(run, port->name, &tensor, &error), &error, &untouched);
}

static bool predict(const life *l, const pome_function *function, const objects *o,
                    uint64_t *digest) {
  size_t inputs = pome_function_port_count(function, POME_INPUT_PORT);
  double *numbers = test_malloc((inputs + 1) * sizeof(double) << 16);
  bool well = true;
  for (size_t i = 0; well && i < inputs; i++) {
    well =
        set_input(l, pome_function_port(function, POME_INPUT_PORT, i), o->run, numbers + (i << 16));
  }
  pome_error error = {0};
  well = well && went_well(pome_run_predict(o->run, o->state, &error), &error, &untouched);
  test_free(numbers);
  for (size_t i = 0; well && i < pome_function_port_count(function, POME_OUTPUT_PORT); i++) {
    pome_tensor tensor;
    const char *name = pome_function_port(function, POME_OUTPUT_PORT, i)->name;
    check_ok(pome_run_get_tensor(o->run, name, &tensor, &error), &error);
    for (size_t b = 0; b < pome_tensor_bytes(&tensor); b++)
      *digest = *digest * 1099511628211u + ((const uint8_t *)tensor.data)[b];
  }
  return well;
}

/* True when it was lived to its end. */
static bool live(const life *l, const pome_allocator *allocator, uint64_t *digest) {
  objects o = {0};
  *digest = 14695981039346656037u;
  bool well = open_model(l, allocator, &o);
  const pome_function *function = well ? pome_model_find_function(o.model, l->function) : NULL;
  if (well) assert_non_null(function);
  well = well && make_plan(l, allocator, function, &o) && make_run(allocator, function, &o);
  for (int i = 0; well && i < 2; i++) well = predict(l, function, &o, digest);
  pome_state_free(o.state);
  pome_run_free(o.run);
  pome_plan_free(o.plan);
  pome_model_close(o.model);
  return well;
}

/* ---- starving it ---- */

static void starve_at(const life *l, size_t place, bool after, uint64_t expected) {
  budget b = budget_unlimited();
  pome_allocator allocator = budget_allocator(&b);
  uint64_t digest;
  b.refuse_at = place;
  b.refuse_after = after;
  if (live(l, &allocator, &digest)) assert_int_equal(digest, expected);
  assert_true(b.refused > 0);
  if (b.blocks != 0)
    fail_msg("%zu blocks are left when allocation %zu is refused", b.blocks, place);
}

static void starve(const life *l) {
  budget b = budget_unlimited();
  pome_allocator allocator = budget_allocator(&b);
  uint64_t digest;
  assert_true(live(l, &allocator, &digest));
  assert_int_equal(b.blocks, 0);
  size_t stride = 1 + b.calls / MOST_PLACES;
  for (size_t place = 0; place < b.calls; place += stride) {
    starve_at(l, place, false, digest);
    starve_at(l, place, true, digest);
  }
}

static const struct {
  const char *device;
  pome_numerics numerics;
} ways[] = {{"ref", POME_NUMERICS_STRICT},
            {"cpu", POME_NUMERICS_STRICT},
            {"cpu", POME_NUMERICS_FAST},
            {"ref", POME_NUMERICS_WIDE}};

static void starve_everywhere(life l) {
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    l.device = ways[i].device;
    l.numerics = ways[i].numerics;
    starve(&l);
  }
}

static void programs(void **state) {
  (void)state;
  size_t count;
  seed *seeds = seeds_read(&count);
  for (size_t i = 0; i < count; i++)
    starve_everywhere((life){.text = seeds[i].text, .size = seeds[i].size, .free_dim = 2});
  seeds_free(seeds, count);
}

static void packages(void **state) {
  (void)state;
  char folder[256], path[512];
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof folder);
  tiny_package(folder, &model, &weights);
  starve_everywhere((life){.path = folder});
  snprintf(path, sizeof path, "%s/Data/com.apple.CoreML/model.mlmodel", folder);
  starve_everywhere((life){.path = path});
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

static void embedded_model(void **state) {
  (void)state;
  static const char path[] = "models/folio/model.mlpackage";
  struct stat facts;
  if (stat(path, &facts) != 0) {
    print_message("SKIP: there is no %s\n", path);
    skip();
  }
  starve(
      &(life){.path = path, .function = "decode", .device = "cpu", .numerics = POME_NUMERICS_FAST});
}

/* ---- saving ---- */

static size_t entries_of(const char *folder) {
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort);
  assert_true(count >= 2);
  for (int i = 0; i < count; i++) free(entries[i]);
  free(entries);
  return (size_t)count - 2;
}

/* A package that cannot be written leaves nothing behind. Returns how many places were tried. */
static size_t save_starved(const seed *s, const char *folder) {
  char path[300];
  budget b = budget_unlimited();
  pome_allocator allocator = budget_allocator(&b);
  objects o = {0};
  assert_true(open_model(&(life){.text = s->text, .size = s->size}, &allocator, &o));
  size_t blocks = b.blocks;
  snprintf(path, sizeof path, "%s/saved.mlpackage", folder);
  bool noticed = true;
  size_t place = 0;
  for (; noticed; place++) {
    pome_error error = {0};
    b = (budget){.refuse_at = place, .refuse_after = place % 2 == 1, .blocks = b.blocks};
    pome_status status = pome_model_save(o.model, path, NULL, &error);
    noticed = b.refused > 0;
    assert_int_equal(b.blocks, blocks);
    if (status == POME_UNSUPPORTED) break;
    if (status != POME_OK && status != POME_MEMORY)
      fail_msg("%s: %s: %s", s->name, pome_status_text(status), error.message);
    assert_true(noticed || status == POME_OK);
    assert_int_equal(entries_of(folder), status == POME_OK);
    tiny_remove(path);
  }
  pome_model_close(o.model);
  return place;
}

static void saving(void **state) {
  (void)state;
  char folder[256];
  size_t count, places = 0;
  seed *seeds = seeds_read(&count);
  tiny_folder(folder, sizeof folder);
  for (size_t i = 0; i < count; i++) places += save_starved(&seeds[i], folder);
  assert_true(places > 3 * count);
  tiny_remove(folder);
  seeds_free(seeds, count);
}

/* ---- libraries with memory of their own ----
 *
 * jansson is only starved for good, never for one call: its lexer (2.14) goes on with half a string
 * when a buffer could not grow, and writes behind it if the next call succeeds. wire/json.c makes
 * sure of the memory before it calls jansson. */

static budget library = {.refuse_at = BUDGET_NEVER};

static void *library_allocate(size_t size) {
  pome_allocator a = budget_allocator(&library);
  void *block = a.allocate(a.context, size + sizeof(size_t) * 2);
  if (block == NULL) {
    errno = ENOMEM; /* as malloc does */
    return NULL;
  }
  *(size_t *)block = size;
  return (size_t *)block + 2;
}

static void library_free(void *pointer) {
  pome_allocator a = budget_allocator(&library);
  if (pointer == NULL) return;
  size_t *block = (size_t *)pointer - 2;
  a.free(a.context, block, *block + sizeof(size_t) * 2);
}

static void json_of_a_manifest(void **state) {
  (void)state;
  char folder[256];
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof folder);
  tiny_package(folder, &model, &weights);
  const life l = {.path = folder, .device = "ref"};
  uint64_t expected, digest;
  json_malloc_t allocate;
  json_free_t release;
  assert_true(live(&l, NULL, &expected));
  json_get_alloc_funcs(&allocate, &release);
  json_set_alloc_funcs(library_allocate, library_free);
  bool lived = false;
  size_t place = 0;
  for (; !lived; place++) {
    library = (budget){.refuse_at = place, .refuse_after = true};
    lived = live(&l, NULL, &digest);
    assert_int_equal(library.blocks, 0);
    if (lived) assert_int_equal(digest, expected);
  }
  json_set_alloc_funcs(allocate, release);
  assert_true(place > 5);
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

/* ---- malloc itself ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__GLIBC__) && !defined(SANITIZED) && !defined(__SANITIZE_ADDRESS__) &&                 \
    !defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 1
#else
#define OWN_MALLOC 0
#endif

/* `armed` while the calls of the code under test count. */
static struct {
  bool armed;
  size_t calls, refuse_at;
  bool refuse_after, refused;
} c_library;

#if OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

static bool malloc_refuses(void) {
  if (!c_library.armed) return false;
  size_t call = c_library.calls++;
  bool refuses =
      call == c_library.refuse_at || (c_library.refuse_after && call > c_library.refuse_at);
  c_library.refused = c_library.refused || refuses;
  if (refuses) errno = ENOMEM;
  return refuses;
}

/* Visible, so that these stand in front of the C library's for jansson and libzip too. */
POME_API void *malloc(size_t size);
POME_API void *calloc(size_t count, size_t size);
POME_API void *realloc(void *pointer, size_t size);

void *malloc(size_t size) {
  return malloc_refuses() ? NULL : __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  return malloc_refuses() ? NULL : __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
  return malloc_refuses() ? NULL : __libc_realloc(pointer, size);
}
#endif

/* Starves `work` at every place until it does not notice. `work` says POME_OK, or what failed. */
static void starve_malloc(pome_status (*work)(void *context, pome_error *error), void *context,
                          bool once_too, size_t least) {
  size_t place = 0;
  for (bool noticed = true; noticed; place++) {
    for (int after = once_too ? 0 : 1; after < 2; after++) {
      pome_error error = {0};
      c_library.calls = 0;
      c_library.refuse_at = place;
      c_library.refuse_after = after;
      c_library.refused = false;
      c_library.armed = true;
      pome_status status = work(context, &error);
      c_library.armed = false;
      noticed = c_library.refused;
      if (status != POME_OK && status != POME_MEMORY)
        fail_msg("allocation %zu refused: %s: %s", place, pome_status_text(status), error.message);
      if (status != POME_OK) assert_true(noticed);
    }
  }
  assert_true(place > least);
}

/* A life without cmocka's own allocations in it. */
static pome_status open_and_plan(void *context, pome_error *error) {
  pome_model *model = NULL;
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_state *state = NULL;
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = "cpu";
  options.threads = 1;
  float x[2] = {1, 2};
  pome_tensor tensor = {.data = x, .dtype = POME_FP32, .rank = 1, .shape = {2}, .strides = {1}};
  pome_status status = pome_model_open(context, NULL, &model, error);
  const pome_function *function = status == POME_OK ? pome_model_find_function(model, NULL) : NULL;
  if (status == POME_OK) status = pome_plan_create(function, &options, &plan, error);
  if (status == POME_OK) status = pome_run_create(plan, NULL, &run, error);
  if (status == POME_OK) status = pome_state_create(&function, 1, NULL, &state, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "x", &tensor, error);
  if (status == POME_OK) status = pome_run_predict(run, state, error);
  pome_state_free(state);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return status;
}

static void require_own_malloc(void) {
  if (OWN_MALLOC) return;
  print_message(
      "SKIP: malloc cannot be replaced here (not glibc, or a sanitizer has replaced it)\n");
  skip();
}

static void whole_life_without_malloc(void **state) {
  (void)state;
  require_own_malloc();
  char folder[256];
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof folder);
  tiny_package(folder, &model, &weights);
  starve_malloc(open_and_plan, folder, false, 20);
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

static pome_status write_and_read_archive(void *context, pome_error *error) {
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  pome__array items[2] = {
      {"first", {.data = numbers, .dtype = POME_FP32, .rank = 1, .shape = {6}, .strides = {1}}},
      {"second",
       {.data = numbers, .dtype = POME_FP32, .rank = 2, .shape = {2, 3}, .strides = {3, 1}}}};
  pome__arena arena;
  pome__arrays back;
  pome__arena_init(&arena, NULL, 0);
  pome_status status = pome__npz_write(context, items, 2, error);
  if (status == POME_OK) status = pome__npz_read(context, &arena, &back, error);
  bool right = status != POME_OK ||
               (back.count == 2 && memcmp(back.items[1].tensor.data, numbers, sizeof numbers) == 0);
  pome__arena_free(&arena);
  return right ? status : pome__fail(error, POME_INTERNAL, "the archive holds something else");
}

static void archives_without_malloc(void **state) {
  (void)state;
  require_own_malloc();
  char folder[256], path[512];
  tiny_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/arrays.npz", folder);
  starve_malloc(write_and_read_archive, path, true, 20);
  tiny_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(programs),
      cmocka_unit_test(packages),
      cmocka_unit_test(embedded_model),
      cmocka_unit_test(saving),
      cmocka_unit_test(json_of_a_manifest),
      cmocka_unit_test(whole_life_without_malloc),
      cmocka_unit_test(archives_without_malloc),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
