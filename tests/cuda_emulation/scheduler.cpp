#include "tests/cuda_emulation/scheduler.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "tests/cuda_emulation/fiber.h"
#include "tests/cuda_emulation/memory.h"
#include "tests/cuda_emulation/random.h"
#include "tests/cuda_emulation/shared_memory.h"

namespace convoy::emulation {

constinit thread_local Block* current_block = nullptr;

namespace {

std::string text(const Index3& index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

std::string text(const CallSite& where) { return std::string(where.file) + ":" + std::to_string(where.line); }

bool same_call_site(const Meeting& a, const Meeting& b) {
  return a.what == b.what && a.where.line == b.where.line && a.execute == b.execute;
}

std::string describe(const Thread& thread) {
  const std::string who = "thread " + text(thread.index);
  switch (thread.state) {
    case Thread::State::done:
      return who + " has ended";
    case Thread::State::in_warp:
    case Thread::State::in_block:
      return who + " waits in " + thread.meeting.what + " at " + text(thread.meeting.where);
    default:
      return who + " runs";
  }
}

// Runs one block at a time on one host thread.
class BlockRunner {
 public:
  void run(const LaunchShape& shape, const Index3& index, const std::function<void()>& kernel,
           std::uint64_t seed) {
    block_.shape = &shape;
    block_.index = index;
    const auto threads = static_cast<unsigned>(shape.block.count());
    while (fibers_.size() < threads) fibers_.emplace_back();
    for (unsigned i = 0; i < threads; ++i) start(fibers_[i], i, kernel);
    shared_.prepare(block_);
    Random random(seed);
    current_block = &block_;
    try {
      schedule(threads / kWarpSize, random);
    } catch (...) {
      current_block = nullptr;
      block_.running = nullptr;
      for (Fiber& fiber : fibers_) fiber.drop();  // they have stopped in the middle of a kernel
      throw;
    }
    current_block = nullptr;
  }

  std::byte* add_static(std::size_t bytes, std::size_t alignment) {
    return shared_.add_static(block_, bytes, alignment);
  }
  void back_to_scheduler() { static_cast<Fiber*>(block_.running->fiber)->back_to_scheduler(); }

  static BlockRunner& of_this_thread() {
    thread_local BlockRunner one;
    return one;
  }

 private:
  enum class Warp { runnable, at_barrier, done };

  void start(Fiber& fiber, unsigned linear, const std::function<void()>& kernel) const {
    Thread& thread = fiber.thread;
    const Index3& size = block_.shape->block;
    thread.index = {linear % size.x, linear / size.x % size.y, linear / (size.x * size.y)};
    thread.linear = linear;
    thread.state = Thread::State::runnable;
    thread.failure.clear();
    thread.copies.clear();
    thread.copy_groups.clear();
    thread.uncommitted = 0;
    thread.fiber = &fiber;
    fiber.kernel = &kernel;
  }

  void schedule(unsigned warps, Random& random) {
    std::vector<unsigned> runnable(warps);
    std::iota(runnable.begin(), runnable.end(), 0U);
    std::vector<unsigned> waiting;
    while (true) {
      while (!runnable.empty()) {
        const std::size_t pick = random.below(runnable.size());
        const unsigned warp = runnable[pick];
        const Warp state = run_warp(warp, (random.next() & 1) != 0);
        if (state == Warp::runnable) continue;
        if (state == Warp::at_barrier) waiting.push_back(warp);
        runnable[pick] = runnable.back();
        runnable.pop_back();
      }
      if (waiting.empty()) break;
      release_barrier(warps, waiting);
      std::swap(runnable, waiting);
    }
    if (!shared_.guards_intact()) {
      throw Fault(
          message(fibers_[0].thread, "shared memory outside of the block's objects was written", false));
    }
  }

  void release_barrier(unsigned warps, const std::vector<unsigned>& waiting) {
    Thread& first = fibers_[waiting[0] * kWarpSize].thread;
    for (unsigned i = 0; i < warps * kWarpSize; ++i) {
      Thread& thread = fibers_[i].thread;
      if (thread.state != Thread::State::in_block || !same_call_site(thread.meeting, first.meeting)) {
        throw Fault(message(first, describe(first) + " while " + describe(thread)));
      }
    }
    for (unsigned i = 0; i < warps * kWarpSize; ++i) fibers_[i].thread.state = Thread::State::runnable;
  }

  // Runs every lane to its next meeting. If the warp meets, computes its collective.
  Warp run_warp(unsigned warp, bool backwards) {
    StackSwitch on_scheduler;
    for (unsigned i = 0; i < kWarpSize; ++i) {
      Fiber& fiber = fibers_[warp * kWarpSize + (backwards ? kWarpSize - 1 - i : i)];
      block_.running = &fiber.thread;
      fiber.resume(on_scheduler);
      if (fiber.thread.state == Thread::State::failed) throw Fault(fiber.thread.failure);
    }
    block_.running = nullptr;
    const Thread& first = fibers_[warp * kWarpSize].thread;
    for (unsigned lane = 1; lane < kWarpSize; ++lane) {
      const Thread& other = fibers_[warp * kWarpSize + lane].thread;
      const bool waits = first.state != Thread::State::done;
      if (other.state != first.state || (waits && !same_call_site(first.meeting, other.meeting))) {
        throw Fault(message(first, "divergent warp: " + describe(first) + " while " + describe(other)));
      }
    }
    if (first.state == Thread::State::done) return Warp::done;
    if (first.state == Thread::State::in_block) return Warp::at_barrier;
    LaneArguments arguments{};
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      Thread& thread = fibers_[warp * kWarpSize + lane].thread;
      arguments[lane] = thread.meeting.arguments;
      thread.state = Thread::State::runnable;
    }
    first.meeting.execute(arguments);
    return Warp::runnable;
  }

 public:
  std::string message(const Thread& thread, std::string_view reason, bool with_thread = true) const {
    const CallSite& where = block_.shape->where;
    std::string result =
        "kernel launched at " + text(where) + " in " + where.function + ": block " + text(block_.index);
    if (with_thread) result += " thread " + text(thread.index);
    return result + ": " + std::string(reason) +
           " (CONVOY_EMULATION_SEED=" + std::to_string(schedule_seed()) + ")";
  }

 private:
  Block block_;
  std::deque<Fiber> fibers_;
  SharedMemory shared_;
};

// Permanent threads, each with its fibers: making those for every launch would cost more than most kernels.
class Workers {
 public:
  explicit Workers(unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  Workers(Workers&&) = delete;
  Workers& operator=(Workers&&) = delete;
  ~Workers() {
    for (std::jthread& thread : threads_) thread.request_stop();
    changed_.notify_all();
  }

  // Runs `work` on all threads and on this one, and waits until all have returned.
  void run(const std::function<void()>& work) {
    const std::lock_guard one_at_a_time(callers_);
    {
      const std::lock_guard lock(mutex_);
      work_ = &work;
      ++round_;
      busy_ = threads_.size();
    }
    changed_.notify_all();
    work();
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void serve(const std::stop_token& stop) {
    std::uint64_t seen = 0;
    while (true) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return round_ != seen; })) return;
      seen = round_;
      const std::function<void()>& work = *work_;
      lock.unlock();
      work();
      lock.lock();
      if (--busy_ == 0) finished_.notify_all();
    }
  }

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::condition_variable finished_;
  const std::function<void()>* work_ = nullptr;
  std::uint64_t round_ = 0;
  std::size_t busy_ = 0;
  std::vector<std::jthread> threads_;
};

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

Workers& workers() {
  const std::uint64_t processors = std::max(1U, std::thread::hardware_concurrency());
  static Workers one(static_cast<unsigned>(
      std::max<std::uint64_t>(1, number_from_environment("CONVOY_EMULATION_THREADS", processors)) - 1));
  return one;
}

std::atomic<std::uint64_t>& seed_in_use() {
  static std::atomic<std::uint64_t> seed = number_from_environment("CONVOY_EMULATION_SEED", 1);
  return seed;
}

void check_shape(const LaunchShape& shape) {
  const auto refuse = [&](const std::string& reason) {
    throw Fault("kernel launched at " + text(shape.where) + " in " + shape.where.function + ": " + reason);
  };
  const std::uint64_t threads = shape.block.count();
  if (shape.grid.count() == 0) refuse("empty grid " + text(shape.grid));
  if (shape.grid.x > 0x7FFFFFFFU || shape.grid.y > 65535 || shape.grid.z > 65535) {
    refuse("grid too large: " + text(shape.grid));
  }
  if (threads == 0 || threads > kMaxBlockThreads || shape.block.z > 64)
    refuse("bad block " + text(shape.block));
  if (threads % kWarpSize != 0) refuse("the block " + text(shape.block) + " is no whole number of warps");
  if (shape.shared_bytes > kMaxSharedBytes) {
    refuse(std::to_string(shape.shared_bytes) + " bytes of shared memory");
  }
}

}  // namespace

void fault(std::string_view reason) {
  if (current_block == nullptr) throw Fault("outside of a kernel: " + std::string(reason));
  throw Fault(BlockRunner::of_this_thread().message(*current_block->running, reason));
}

void meet(const Meeting& meeting) {
  if (current_block == nullptr) fault(std::string(meeting.what) + " needs a kernel");
  Thread& thread = *current_block->running;
  thread.meeting = meeting;
  thread.state = meeting.execute == nullptr ? Thread::State::in_block : Thread::State::in_warp;
  BlockRunner::of_this_thread().back_to_scheduler();
}

void block_barrier(const char* what, const CallSite& where) {
  Meeting meeting;
  meeting.what = what;
  meeting.where = where;
  meet(meeting);
}

void* static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  for (const auto& [known, data] : current_block->static_objects) {
    if (known == key) return data;
  }
  std::byte* const data = BlockRunner::of_this_thread().add_static(bytes, alignment);
  current_block->static_objects.emplace_back(key, data);
  return data;
}

void check_aligned(const void* at, std::size_t bytes, std::string_view what) {
  if (reinterpret_cast<std::uintptr_t>(at) % bytes != 0) {
    fault(std::string(what) + ": address not a multiple of " + std::to_string(bytes));
  }
}

namespace {

bool is_shared_memory(const void* at, std::size_t bytes) {
  if (current_block == nullptr) return false;
  const auto* first = static_cast<const std::byte*>(at);
  const Block& block = *current_block;
  return (first >= block.shared_begin && first + bytes <= block.shared_end) ||
         (first >= block.static_begin && first + bytes <= block.static_end);
}

}  // namespace

void check_shared(const void* at, std::size_t bytes, std::string_view what) {
  if (is_shared_memory(at, bytes)) return;
  fault(std::string(what) + ": address outside of the block's shared memory");
}

void check_global(const void* at, std::size_t bytes, std::string_view what) {
  if (!is_device_memory(at, bytes)) fault(std::string(what) + ": address outside of device memory");
}

void check_addressable(const void* at, std::size_t bytes, std::string_view what) {
  if (is_shared_memory(at, bytes) || is_device_memory(at, bytes)) return;
  fault(std::string(what) + ": address outside of shared and device memory");
}

void issue_copy(void* to, const void* from, unsigned bytes, unsigned from_bytes) {
  check_aligned(to, bytes, "cp.async to shared memory");
  check_aligned(from, bytes, "cp.async from device memory");
  check_shared(to, bytes, "cp.async");
  if (from_bytes > bytes) fault("cp.async: source size above the copy's");
  if (from_bytes > 0) check_global(from, from_bytes, "cp.async");
  std::memset(to, kPoison, bytes);
  Thread& thread = *current_block->running;
  thread.copies.push_back(
      {static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes, from_bytes});
  ++thread.uncommitted;
}

void commit_copies() {
  Thread& thread = *current_block->running;
  thread.copy_groups.push_back(thread.uncommitted);
  thread.uncommitted = 0;
}

void wait_copies(unsigned groups_left) {
  Thread& thread = *current_block->running;
  if (thread.copy_groups.size() <= groups_left) return;
  const auto finished =
      thread.copy_groups.begin() + static_cast<std::ptrdiff_t>(thread.copy_groups.size() - groups_left);
  const std::size_t count = std::accumulate(thread.copy_groups.begin(), finished, std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    const PendingCopy& copy = thread.copies[i];
    if (copy.from_bytes > 0) std::memcpy(copy.to, copy.from, copy.from_bytes);
    std::memset(copy.to + copy.from_bytes, 0, copy.bytes - copy.from_bytes);
  }
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<std::ptrdiff_t>(count));
  thread.copy_groups.erase(thread.copy_groups.begin(), finished);
}

std::uint64_t schedule_seed() { return seed_in_use(); }
void set_schedule_seed(std::uint64_t seed) { seed_in_use() = seed; }

void run_grid(const LaunchShape& shape, const std::function<void()>& kernel) {
  check_shape(shape);
  if (current_block != nullptr) fault("a kernel launched from a kernel");
  static std::atomic<std::uint64_t> launches = 0;
  Random random(schedule_seed() * 0x2545F4914F6CDD1DU + launches++);
  const std::uint64_t count = shape.grid.count();
  // Runs blocks in the order (first + i * step) mod count: each one once, seldom in the order of
  // their numbers.
  const std::uint64_t first = random.below(count);
  std::uint64_t step = 1 + random.below(count);
  while (std::gcd(step, count) != 1) ++step;
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t seed = random.next();
  std::atomic<std::uint64_t> next = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::uint64_t i = next++; i < count && !stop; i = next++) {
        const auto number = static_cast<std::uint64_t>((static_cast<Wide>(i) * step + first) % count);
        const Index3 index = {static_cast<unsigned>(number % shape.grid.x),
                              static_cast<unsigned>(number / shape.grid.x % shape.grid.y),
                              static_cast<unsigned>(number / shape.grid.x / shape.grid.y)};
        BlockRunner::of_this_thread().run(shape, index, kernel, seed + number);
      }
    } catch (...) {
      stop = true;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  if (count == 1) {
    work();
  } else {
    workers().run(work);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace convoy::emulation
