// A part of the work of one run, for several runs that divide it: --part=i/N.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace convoy {

// Limit on the parts of one whole.
inline constexpr std::int64_t kMaxParts = 1'000'000;

// Part `number`, from 1, of `count`.
struct Part {
  std::uint64_t number = 1;
  std::uint64_t count = 1;

  // The items [begin, end) of `whole` that belong to a part.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    [[nodiscard]] std::uint64_t size() const { return end - begin; }
  };
  // The parts follow one another without gaps, and are equally large but for one item, which the first ones
  // have more. With more parts than items, the last ones are empty.
  [[nodiscard]] Range of(std::uint64_t whole) const;
  [[nodiscard]] bool is_last() const { return number == count; }
};

// "3/8". Throws UsageError about --part.
[[nodiscard]] Part parse_part(std::string_view text);

inline constexpr const char* kPartOption = "part";
// Declares --part=i/N.
void add_part_option(boost::program_options::options_description& options, const std::string& help);

}  // namespace convoy
