// What happens to damaged records: --on-error=skip|stop.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "lib/base/console.h"

namespace convoy {

// Names every loss once, however often training comes across it, and remembers that there was one: the exit
// status is then 1.
class DamageReport {
 public:
  // stop: the first loss is thrown as an Error instead.
  DamageReport(Console& console, bool stop) : console_(console), stop_(stop) {}

  // message: place and reason, as DamageHandler and Batch::Damage have it.
  void operator()(const std::string& message);
  [[nodiscard]] bool any() const { return !seen_.empty(); }
  [[nodiscard]] std::uint64_t count() const { return seen_.size(); }

 private:
  Console& console_;
  bool stop_;
  std::set<std::string> seen_;
};

}  // namespace convoy
