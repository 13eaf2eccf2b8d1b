// Values of options: schedules, intervals, sizes, splits, patterns of outputs, numbers. What is printed and
// read again is the same value, and what an interval says of a whole run is what it says of its steps.
#include <cmath>

#include "lib/base/options.h"
#include "lib/base/text.h"
#include "lib/runs/interval.h"
#include "lib/runs/optimizer.h"
#include "lib/runs/option_changes.h"
#include "lib/runs/schedule.h"
#include "lib/shards/outputs.h"
#include "lib/shards/shuffle.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

constexpr std::uint64_t kRecords = 20;
constexpr std::uint64_t kBatch = 7;

void check_schedule(const std::string& text) {
  std::optional<Schedule> schedule;
  if (!outcome([&] { return schedule.emplace(Schedule::parse(text)).text(); }).value) return;
  const Schedule again = Schedule::parse(schedule->text());
  require(again.text() == schedule->text(), "a schedule that is printed and read differs");
  for (std::uint64_t seen = 0; seen <= 2000; seen += 100) {
    const RunPosition position{.seen = seen, .records = kRecords, .total = 2000};
    const double factor = schedule->factor(position);
    require(factor == again.factor(position), "its factor differs");
    require(std::isfinite(factor) && factor >= 0.0,
            "a factor is not a number that a rate can be multiplied by");
  }
}

void check_changes(const std::string& text) {
  const auto changes = outcome([&] { return OptionChanges::parse(text).text(); });
  if (!changes.value) return;
  require(OptionChanges::parse(*changes.value).text() == *changes.value,
          "changes that are printed and read differ: " + *changes.value);
  const auto warmup = outcome([&] { return Warmup::parse(text).text(); });
  if (!warmup.value) return;
  require(Warmup::parse(warmup.value->empty() ? "0" : *warmup.value).text() == *warmup.value,
          "a warmup that is printed and read differs");
}

void check_optimizer(const std::string& text) {
  const auto optimizer = outcome([&] { return Optimizer::parse(text).text(); });
  if (!optimizer.value) return;
  require(Optimizer::parse(*optimizer.value).text() == *optimizer.value,
          "an optimizer that is printed and read differs");
}

void check_interval(const std::string& text) {
  std::optional<Interval> every;
  const auto unit = outcome([&] { return every.emplace(Interval::parse(text, "--x", true)).unit(); });
  if (!unit.value) return;
  const auto without = outcome([&] { return Interval::parse(text, "--x", false).unit(); });
  require(without.value.has_value() == (*unit.value != Interval::Unit::minutes),
          "minutes where they may not be");
  if (*unit.value != Interval::Unit::steps && *unit.value != Interval::Unit::epochs) return;
  bool any = false;
  for (std::uint64_t step = 1; step <= 30; ++step) {
    any = any || every->due(step, kBatch, kRecords);
    require(every->exceeds(step, kBatch, kRecords) == !any, "an interval is due in a run that it exceeds");
  }
}

void check_split(const std::string& text) {
  const auto parts = outcome([&] { return parse_split(text); });
  if (!parts.value) return;
  std::string printed;
  for (const SplitPart& part : *parts.value) {
    printed += (printed.empty() ? "" : ",") + part.name + ":" + format("%.17g", part.fraction);
  }
  require(parse_split(printed) == *parts.value, "a split that is printed and read differs: " + printed);
  std::vector<std::int32_t> labels(100);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 7) - 1;
  for (const SplitBy by : {SplitBy::by_class, SplitBy::by_record}) {
    Arrangement all = arrange(labels, 3, true, *parts.value, by);
    require(all.part_ends.size() == parts.value->size() && all.part_ends.back() == labels.size(),
            "the parts of a split are not the whole");
    require(std::ranges::is_sorted(all.part_ends), "a part of a split ends before it begins");
    std::ranges::sort(all.order);
    for (std::size_t i = 0; i < labels.size(); ++i)
      require(all.order[i] == i, "a record is lost or twice there");
  }
}

void check_pattern(const std::string& text) {
  for (const bool several : {false, true}) {
    for (const bool parts : {false, true}) {
      std::optional<OutputPattern> pattern;
      if (!outcome([&] { return pattern.emplace(text, several, parts).name("a", 0); }).value) continue;
      require(!several || pattern->name("a", 1) != pattern->name("a", 22), "two outputs have one name");
      require(!parts || pattern->name("a", 1) != pattern->name("b", 1), "two parts have one name");
      require(several || parts || pattern->name("a", 1) == text, "a plain name is another");
    }
  }
}

void check_numbers(const std::string& text) {
  if (const auto bytes = outcome([&] { return parse_bytes(text, "--x"); }); bytes.value) {
    require(parse_bytes(std::to_string(*bytes.value), "--x") == *bytes.value, "a size differs");
  }
  if (const auto number = outcome([&] { return parse_integer(text, "--x", -1000, 1'000'000); });
      number.value) {
    require(
        parse_integer(std::to_string(*number.value), "--x", *number.value, *number.value) == *number.value,
        "a whole number differs");
  }
  if (const auto number = outcome([&] { return parse_unsigned(text, "--x"); }); number.value) {
    require(parse_unsigned(std::to_string(*number.value), "--x") == *number.value, "a count differs");
  }
  if (const auto number = outcome([&] { return parse_real(text, "--x", -1e6, 1e300); }); number.value) {
    require(parse_real(format("%.17g", *number.value), "--x", *number.value, *number.value) == *number.value,
            "a real number differs");
  }
  std::optional<RejectLimit> limit;
  if (!outcome([&] { return limit.emplace(text).option(); }).value) return;
  for (const std::uint64_t inputs :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{999}, ~std::uint64_t{0}}) {
    require(limit->allowed(inputs) == RejectLimit(text).allowed(inputs), "a limit differs");
    require(!limit->is_share() || limit->allowed(inputs) <= inputs, "a share is more than the whole");
  }
}

void fuzz(Input input) {
  const std::string text(text_of(input));
  check_schedule(text);
  check_changes(text);
  check_optimizer(text);
  check_interval(text);
  check_split(text);
  check_pattern(text);
  check_numbers(text);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const char* const text : {"fixed",
                                 "step:0.1@23,51,78",
                                 "poly:2",
                                 "cosine",
                                 "plateau:0.1,10,3",
                                 "exp:0.97",
                                 "5,0.1",
                                 "68:color-noise=0,conv1.lr=0.1;72:conv1.lr=0",
                                 "exp:0.97",
                                 "20steps",
                                 "1epoch",
                                 "0.5epochs",
                                 "10minutes",
                                 "never",
                                 "train:0.9,val:0.1",
                                 "a:0.3333333,b:0.3333333,c:0.3333334",
                                 "x-%05d.shard",
                                 "%s-%d",
                                 "%%",
                                 "8G",
                                 "17K",
                                 "-3",
                                 "12345678901234567890",
                                 "1e-4",
                                 "25",
                                 "0.5%",
                                 "99.999999%"}) {
    all.push_back(bytes_of(text));
  }
  return all;
}

const AddReader kReader({.name = "values", .fuzz = fuzz, .seeds = seeds, .longest = 128});

}  // namespace
}  // namespace convoy::fuzz
