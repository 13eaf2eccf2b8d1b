// What --on-error, --rejects and --max-rejects say: where rejects are listed, and how many there may be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace convoy {

// The value of --max-rejects: so many rejects, or at most such a share of all inputs, are no reason for a
// status other than 0.
class RejectLimit {
 public:
  // text: a whole number, "25", or a percentage from 0 to 100 with at most six decimals, "0.5%". Throws
  // UsageError about --max-rejects.
  explicit RejectLimit(std::string_view text);

  // The rejects allowed among `inputs` inputs, which include the rejects: a share is rounded down.
  [[nodiscard]] std::uint64_t allowed(std::uint64_t inputs) const;
  // Whether it is a share, so that the number allowed depends on the number of inputs.
  [[nodiscard]] bool is_share() const { return share_; }
  // "--max-rejects=0.5%", for messages.
  [[nodiscard]] const std::string& option() const { return option_; }

 private:
  std::string option_;
  bool share_;
  std::uint64_t value_ = 0;  // rejects; of a share: millionths of a per cent
};

struct RejectRules {
  std::string list = {};                  // file of --rejects; empty: none
  bool stop = false;                      // --on-error=stop: the first reject ends the run
  std::optional<RejectLimit> limit = {};  // --max-rejects
};

}  // namespace convoy
