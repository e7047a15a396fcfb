/* Uses a model as far as it goes: what loads must not crash, whatever it says.
 *
 * Every function is compiled for `ref` and for `cpu`, in strict and in fast numerics, and run on
 * generated inputs of shapes that its ports allow, several times with changing sizes, with a state
 * when it has one. Every byte of every result is read. Predictions that take too long are
 * cancelled. Ends the program, naming what happened, at anything a caller could not expect: an
 * internal error, an output that was touched on failure, a block that is left.
 */
#ifndef POME_TESTS_UNIT_EXERCISE_H
#define POME_TESTS_UNIT_EXERCISE_H

#include <pome/pome.h>

typedef struct exercise {
  uint64_t random;       /* state of the generator, any number */
  size_t memory;         /* ceiling for plans and runs, bytes at once; 0: none */
  unsigned milliseconds; /* of one prediction before it is cancelled */
  int predictions;       /* for each run */
  /* Counted: */
  size_t plans, refused_plans, predictions_done, predictions_failed, cancelled;
  double slowest; /* prediction or plan, milliseconds */
} exercise;

void exercise_model(exercise *e, const pome_model *model);

/* xorshift64*, for tests that must do the same every time. */
uint64_t exercise_random(uint64_t *state);

#endif
