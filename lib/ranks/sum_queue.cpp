#include "lib/ranks/sum_queue.h"

namespace convoy {

SumQueue::SumQueue(Ranks& ranks) : ranks_(ranks), thread_([this] { work(); }) {}

SumQueue::~SumQueue() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SumQueue::start(std::span<float> values) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(values);
  }
  changed_.notify_all();
}

void SumQueue::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ > finished_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  ++finished_;
}

void SumQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || (!waiting_.empty() && !failure_); });
    if (ends_) return;
    const std::span<float> values = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      ranks_.sum(values);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failure_ = failure;
    if (!failure) ++done_;
    changed_.notify_all();
  }
}

}  // namespace convoy
