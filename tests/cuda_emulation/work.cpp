#include "tests/cuda_emulation/work.h"

#include <algorithm>
#include <utility>

#include "tests/cuda_emulation/random.h"
#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {
namespace {

constexpr std::uint64_t kPiecesOfPriorities = 16;  // that run, on average, before they are redrawn

void run(Piece& piece) {
  for (const std::shared_ptr<Piece>& before : piece.after) {
    if (before->failure) piece.failure = before->failure;  // a device that has failed does nothing more
  }
  piece.after.clear();
  const Work work = std::exchange(piece.work, nullptr);
  piece.done = true;
  if (piece.failure || !work) return;
  try {
    work();
  } catch (...) {
    piece.failure = std::current_exception();
  }
}

bool is_ready(const Piece& piece) {
  return std::ranges::all_of(piece.after, [](const auto& before) { return before->done; });
}

// The piece and everything that must run before it, sorted.
std::vector<const Piece*> needed_for(const Piece& piece) {
  std::vector<const Piece*> needed;
  std::vector<const Piece*> open = {&piece};
  while (!open.empty()) {
    const Piece* const one = open.back();
    open.pop_back();
    const auto at = std::ranges::lower_bound(needed, one);
    if (one->done || (at != needed.end() && *at == one)) continue;
    needed.insert(at, one);
    for (const auto& before : one->after) open.push_back(before.get());
  }
  return needed;
}

}  // namespace

std::uint64_t WorkList::draw(std::uint64_t bound) {
  return Random(schedule_seed() * 0x2545F4914F6CDD1DU + ++draws_).below(bound);
}

std::shared_ptr<Piece> WorkList::add(Work work, std::vector<std::shared_ptr<Piece>> after,
                                     std::uint64_t branch) {
  auto piece = std::make_shared<Piece>();
  piece->work = std::move(work);
  piece->after = std::move(after);
  piece->branch = branch;
  waiting_.push_back(piece);
  if (speed_ == Speed::quick) {
    for (std::uint64_t count = draw(4); count > 0 && !waiting_.empty(); --count) run_one(nullptr);
  }
  return piece;
}

void WorkList::run_until(const Piece& piece) {
  if (speed_ == Speed::lazy) {
    const std::vector<const Piece*> wanted = needed_for(piece);
    while (!piece.done) run_one(&wanted);
  } else {
    while (!piece.done) run_one(nullptr);
  }
  speed_ = static_cast<Speed>(draw(3));
}

void WorkList::run_all() {
  while (!waiting_.empty()) run_one(nullptr);
}

void WorkList::run_one(const std::vector<const Piece*>* wanted) {
  if (draw(kPiecesOfPriorities) == 0) ++priorities_;
  auto chosen = waiting_.end();
  std::uint64_t highest = 0;
  for (auto piece = waiting_.begin(); piece != waiting_.end(); ++piece) {
    if (wanted != nullptr && !std::ranges::binary_search(*wanted, piece->get())) continue;
    if (!is_ready(**piece)) continue;
    const std::uint64_t drawn = Random(schedule_seed() + priorities_).next();
    const std::uint64_t priority = Random(drawn ^ (*piece)->branch).next();
    if (chosen != waiting_.end() && priority <= highest) continue;
    chosen = piece;
    highest = priority;
  }
  const std::shared_ptr<Piece> piece = *chosen;  // there is one, because pieces only wait for earlier ones
  waiting_.erase(chosen);
  run(*piece);
}

}  // namespace convoy::emulation
