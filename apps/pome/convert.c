/* pome convert: any program as an .mlpackage. */
#include <string.h>
#include <sys/stat.h>

#include "engine.h"
#include "interrupt.h"
#include "report.h"
#include "verbs.h"

static pome_status check_target(const char *path, pome_error *error) {
  static const char ending[] = ".mlpackage";
  size_t length = strlen(path), size = sizeof ending - 1;
  while (length > 1 && path[length - 1] == '/') length--;
  if (length > size && memcmp(path + length - size, ending, size) == 0) return POME_OK;
  pome__fail(error, POME_USAGE, "'convert' writes a .mlpackage folder, not '%s'", path);
  pome__error_hint(error, "name it OUT.mlpackage");
  return POME_USAGE;
}

/* A signal stops the writing at the next piece, so that nothing is left behind. */
static void note_signal(void *context) {
  (void)context;
}

static bool show_progress(void *context, uint64_t done, uint64_t total) {
  char written[32], all[32];
  report_progress("%s: %s of %s", (const char *)context,
                  report_bytes((double)done, written, sizeof written),
                  report_bytes((double)total, all, sizeof all));
  return !interrupt_seen();
}

static uint64_t size_of(const char *folder, const char *name) {
  char path[4096];
  struct stat info;
  int length = snprintf(path, sizeof path, "%s/Data/com.apple.CoreML/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0) return 0;
  return (uint64_t)info.st_size;
}

static pome_status show_result(const struct options *options, const pome_model *model,
                               const char *target, pome_error *error) {
  if (!options->json) return POME_OK;
  json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I}", "model", options->operands.items[0],
                           "from", pome_model_container(model), "file", target, "functions",
                           (int)pome_model_function_count(model), "program_bytes",
                           (json_int_t)size_of(target, "model.mlmodel"), "weight_bytes",
                           (json_int_t)size_of(target, "weights/weight.bin"));
  return report_json(root, 17, error);
}

static pome_status convert(const struct options *options, pome_model **model, pome_error *error) {
  const char *target = options->operands.items[1];
  POME__TRY(check_target(target, error));
  pome_model_options opening;
  engine_model_options(&opening);
  POME__TRY(pome_model_open(options->operands.items[0], &opening, model, error));
  pome_save_options saving;
  pome_save_options_init(&saving);
  saving.replace = options->force;
  saving.progress = show_progress;
  saving.context = (void *)(uintptr_t)target;
  interrupt_with(note_signal, NULL);
  pome_status status = pome_model_save(*model, target, &saving, error);
  interrupt_with(NULL, NULL);
  report_progress_end();
  return status == POME_OK ? show_result(options, *model, target, error) : status;
}

int verb_convert(const struct options *options) {
  pome_model *model = NULL;
  pome_error error = {0};
  pome_status status = convert(options, &model, &error);
  pome_model_close(model);
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
