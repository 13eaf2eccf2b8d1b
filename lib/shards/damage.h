// What happens to damaged records of a net's inputs: --on-error=skip|stop, --rejects=FILE.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "lib/base/console.h"
#include "lib/shards/rejects.h"

namespace convoy {

// Names, counts and lists every loss once, however often training comes across it; where there was one the
// exit status is 1.
class DamageReport {
 public:
  // list: file to write the losses to; empty: none. stop: the first loss is thrown as an Error instead.
  DamageReport(const std::string& list, bool stop, Console& console)
      : rejects_(list, stop, console), console_(console) {}

  void operator()(const Damage& damage);
  [[nodiscard]] bool any() const { return rejects_.any(); }
  // Completes the list, and says how many records were lost if there was any damage.
  void finish();

 private:
  Rejects rejects_;
  Console& console_;
  std::set<std::string> seen_;  // messages
};

}  // namespace convoy
