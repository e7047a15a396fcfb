/* Dates as `strftime_now` writes them: in English, whatever the locale is. */
#include <stdio.h>
#include <string.h>

#include "llm/template/render.h"

typedef struct date {
  int64_t year;
  int month, day, hour, minute, second, weekday, yearday; /* month, day from 1; Sunday 0 */
} date;

/* Days since 1970-01-01 to a date and back, after the proleptic Gregorian calendar: years start in
 * March, so that the leap day is their last. */
static int64_t days_of(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static date date_of(int64_t seconds) {
  date d;
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) rest += 86400, days--;
  d.hour = (int)(rest / 3600);
  d.minute = (int)(rest / 60 % 60);
  d.second = (int)(rest % 60);
  d.weekday = (int)(((days + 4) % 7 + 7) % 7);
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100),
          shifted = (5 * of_year + 2) / 153;
  d.day = (int)(of_year - (153 * shifted + 2) / 5) + 1;
  d.month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
  d.year = year + era * 400 + (d.month <= 2);
  d.yearday = (int)(days - days_of(d.year, 1, 1));
  return d;
}

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* Week of ISO 8601 and the year that it belongs to. */
static int iso_week(const date *d, int64_t *year) {
  int weekday = (d->weekday + 6) % 7; /* Monday 0 */
  int week = (d->yearday - weekday + 10) / 7;
  *year = d->year;
  if (week < 1) {
    --*year;
    int64_t last = days_of(d->year, 1, 1) - days_of(d->year - 1, 1, 1);
    return (int)((d->yearday + last - weekday + 10) / 7);
  }
  int64_t length = days_of(d->year + 1, 1, 1) - days_of(d->year, 1, 1);
  if (week == 53 && length - d->yearday - 1 < 3 - weekday) {
    ++*year;
    return 1;
  }
  return week;
}

static pome_status put_number(pome__trender *r, int64_t number, int width, char pad) {
  char text[32];
  const char *format = pad == '-' ? "%lld" : pad == '_' ? "%*lld" : "%0*lld";
  int size = pad == '-' ? snprintf(text, sizeof text, format, (long long)number)
                        : snprintf(text, sizeof text, format, width, (long long)number);
  return pome__t_put(r, text, (size_t)size);
}

static pome_status put_date(pome__trender *r, const char *format, const date *d);

static pome_status put_part(pome__trender *r, char c, char pad, const date *d) {
  int twelve = d->hour % 12 == 0 ? 12 : d->hour % 12, week;
  int64_t year;
  if (pad == '\0') pad = c == 'e' || c == 'k' || c == 'l' ? '_' : '0';
  switch (c) {
  case 'a': return pome__t_put(r, days[d->weekday], 3);
  case 'A': return pome__t_put(r, days[d->weekday], strlen(days[d->weekday]));
  case 'b':
  case 'h': return pome__t_put(r, months[d->month - 1], 3);
  case 'B': return pome__t_put(r, months[d->month - 1], strlen(months[d->month - 1]));
  case 'c': return put_date(r, "%a %b %e %H:%M:%S %Y", d);
  case 'C': return put_number(r, d->year / 100, 2, pad);
  case 'd':
  case 'e': return put_number(r, d->day, 2, pad);
  case 'D':
  case 'x': return put_date(r, "%m/%d/%y", d);
  case 'F': return put_date(r, "%Y-%m-%d", d);
  case 'f': return pome__t_put(r, "000000", 6);
  case 'H':
  case 'k': return put_number(r, d->hour, 2, pad);
  case 'I':
  case 'l': return put_number(r, twelve, 2, pad);
  case 'j': return put_number(r, d->yearday + 1, 3, pad);
  case 'm': return put_number(r, d->month, 2, pad);
  case 'M': return put_number(r, d->minute, 2, pad);
  case 'n': return pome__t_put(r, "\n", 1);
  case 'p': return pome__t_put(r, d->hour < 12 ? "AM" : "PM", 2);
  case 'P': return pome__t_put(r, d->hour < 12 ? "am" : "pm", 2);
  case 'r': return put_date(r, "%I:%M:%S %p", d);
  case 'R': return put_date(r, "%H:%M", d);
  case 'S': return put_number(r, d->second, 2, pad);
  case 's': return put_number(r, r->now, 1, '-');
  case 't': return pome__t_put(r, "\t", 1);
  case 'T':
  case 'X': return put_date(r, "%H:%M:%S", d);
  case 'u': return put_number(r, d->weekday == 0 ? 7 : d->weekday, 1, pad);
  case 'U': return put_number(r, (d->yearday + 7 - d->weekday) / 7, 2, pad);
  case 'w': return put_number(r, d->weekday, 1, pad);
  case 'W': return put_number(r, (d->yearday + 7 - (d->weekday + 6) % 7) / 7, 2, pad);
  case 'y': return put_number(r, d->year % 100, 2, pad);
  case 'Y': return put_number(r, d->year, pad == '0' ? 1 : 4, pad);
  case 'G': return iso_week(d, &year), put_number(r, year, 4, pad);
  case 'g': return iso_week(d, &year), put_number(r, year % 100, 2, pad);
  case 'V': return week = iso_week(d, &year), put_number(r, week, 2, pad);
  case 'z':
  case 'Z': return POME_OK; /* the time has no zone */
  case '%': return pome__t_put(r, "%", 1);
  default: return POME__T_FAIL(r, "strftime_now: unknown format %%%c", c);
  }
}

static pome_status put_text(pome__trender *r, pome_string format, const date *d) {
  for (size_t at = 0; at < format.size; at++) {
    char c = format.data[at], pad = '\0';
    POME__TRY(pome__t_charge(r, 1));
    if (c != '%' || at + 1 == format.size) {
      POME__TRY(pome__t_put(r, format.data + at, 1));
      continue;
    }
    c = format.data[++at];
    if (at + 1 < format.size && (c == '-' || c == '_' || c == '0')) {
      pad = c;
      c = format.data[++at];
    }
    POME__TRY(put_part(r, c, pad, d));
  }
  return POME_OK;
}

static pome_status put_date(pome__trender *r, const char *format, const date *d) {
  return put_text(r, (pome_string){format, strlen(format)}, d);
}

pome_status pome__t_strftime(pome__trender *r, pome_string format, pome__tvalue *out) {
  date d = date_of(r->now);
  size_t mark = r->out_size;
  POME__TRY(put_text(r, format, &d));
  return pome__t_take(r, mark, out);
}

bool pome__t_parse_time(pome_string iso, int64_t *seconds) {
  char text[32];
  int year, month, day, hour = 0, minute = 0, second = 0, used = 0;
  if (iso.size >= sizeof text) return false;
  memcpy(text, iso.data, iso.size);
  text[iso.size] = '\0';
  if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) return false;
  if (text[used] != '\0') {
    int more = 0, fields = sscanf(text + used, "%*1[T ]%2d:%2d%n:%2d%n", &hour, &minute, &more,
                                  &second, &more);
    if (fields < 2) return false;
    used += more;
  }
  if (text[used] != '\0' && text[used] != '.' && text[used] != 'Z') return false;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 59)
    return false;
  *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  return true;
}
