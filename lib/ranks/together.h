// Steps that all ranks take, and that fail on all if they fail on one.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/ranks/ranks.h"

namespace convoy {

class Together {
 public:
  // `ranks` must outlive this.
  explicit Together(Ranks& ranks) : ranks_(ranks) {}

  [[nodiscard]] Ranks& ranks() { return ranks_; }

  // Calls step() on all ranks. If it throws on any, this throws on all, after all have come to its end: what
  // the step threw there, or else an Error in the name of the first rank that failed.
  void all(const std::function<void()>& step) {
    std::exception_ptr failure;
    std::string reason;
    try {
      step();
    } catch (const std::exception& error) {
      failure = std::current_exception();
      reason = error.what();
      if (reason.empty()) reason = "unknown";
    }
    const std::vector<std::string> reasons = ranks_.gather_texts(reason);
    for (std::size_t rank = 0; rank < reasons.size(); ++rank) {
      if (reasons[rank].empty()) continue;
      failed_ = true;
      if (failure) std::rethrow_exception(failure);
      throw Error("rank " + std::to_string(rank), reasons[rank]);
    }
  }
  // Throws on all ranks unless what() is the same on all: Error(the first rank with another one, reason).
  void same(const std::function<std::string()>& what, const std::string& reason) {
    const std::vector<std::string> all = ranks_.gather_texts(what());
    for (std::size_t rank = 1; rank < all.size(); ++rank) {
      if (all[rank] == all[0]) continue;
      failed_ = true;
      throw Error("rank " + std::to_string(rank), reason + " than rank 0");
    }
  }
  // Whether a step has failed, so that all ranks end, each with its own error.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Ranks& ranks_;
  bool failed_ = false;
};

}  // namespace convoy
