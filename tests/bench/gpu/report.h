// What the benchmark prints: a line for each figure as soon as it is known, its fields separated by tabs, so
// that what ended early is still of use. tests/bench/gpu/table.awk makes a table of them.
//   KIND NAME PASS BATCH VALUE UNIT [WORK UNIT]
// KIND is peak, step, own or cudnn; NAME a layer or a net; PASS what is done; WORK what one pass takes at the
// least, in FLOP or in bytes (B) of device memory. A part that failed is "failed KIND NAME PASS BATCH
// REASON"; one for which there was no time "left_out KIND NAME PASS BATCH".
#pragma once

#include <cstdio>
#include <string>

namespace convoy::bench {

struct Subject {
  const char* kind;
  std::string name;
  std::string pass;
  int batch = 0;  // 0: of no batch
};

inline void print_subject(const Subject& subject) {
  std::printf("%s\t%s\t%s\t", subject.kind, subject.name.c_str(), subject.pass.c_str());
  if (subject.batch > 0) std::printf("%d", subject.batch);
  if (subject.batch == 0) std::printf("-");
}
inline void report(const Subject& subject, double value, const char* unit, double work = 0.0,
                   const char* work_unit = nullptr) {
  print_subject(subject);
  std::printf("\t%.1f\t%s", value, unit);
  if (work_unit != nullptr) std::printf("\t%.0f\t%s", work, work_unit);
  std::printf("\n");
  std::fflush(stdout);
}
inline void report_failure(const Subject& subject, const char* reason) {
  std::printf("failed\t");
  print_subject(subject);
  std::printf("\t%s\n", reason);
  std::fflush(stdout);
}
inline void report_left_out(const Subject& subject) {
  std::printf("left_out\t");
  print_subject(subject);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace convoy::bench
