// A training run: which images and rates its steps get, what is logged, and that a resumed run does what an
// uninterrupted one would have done.
#include "lib/runs/solver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <sstream>

#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/runs/evaluator.h"
#include "lib/runs/labels.h"
#include "lib/runs/trainer.h"
#include "lib/shards/rejects.h"
#include "tests/support/fake_net.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::FakeNet;
using test::TemporaryFolder;

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(read_text_file(path, 1 << 20));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

class Training : public ::testing::Test {
 protected:
  static constexpr int kBatch = 4;
  static constexpr std::uint64_t kRecords = 10;

  Training() {
    info_ = test::small_info(5, 5, 1, 4);
    test::write_shard(shard_, info_, test::numbered_records(info_, 0, kRecords));
    options_.set("batch", std::to_string(kBatch));
    options_.set("epochs", "3");
    options_.set("lr-policy", "step:0.5@1,2");
    options_.set("lr", "1");
    console_.set_verbosity(Console::Verbosity::quiet);
  }

  // Trains from the state `from`, or from the start; returns the net, which has recorded what it saw.
  std::unique_ptr<FakeNet> train(const TrainingState* from, const std::string& log,
                                 const std::function<void(FakeNet&, RunOptions&)>& arrange = {}) {
    const Dataset data({shard_}, [](const Damage& damage) { ADD_FAILURE() << damage.where(); });
    Model model;
    auto owned = std::make_unique<FakeNet>(kBatch);
    FakeNet& net = *owned;
    model.net = net.net();
    model.dataset = info_;
    model.mean.resize(25);
    const LabelScan labels = check_training_set(data, model.net, console_);
    TrainingState state;
    state.records = data.size();
    state.fingerprint = labels.fingerprint;
    if (from != nullptr) state = *from;
    const RunHistory history;
    RunOptions run;
    run.checkpoint = checkpoint_;
    run.log_every = Interval::parse("2steps", "", false);
    run.validate_every = Interval::parse("1epoch", "", false);
    if (arrange) arrange(net, run);
    Rejects rejects({}, console_, Rejects::Repeats::ignored);
    Trainer trainer(net, {model, options_, data, labels, &data, history}, run, state,
                    TrainingLog(log, from != nullptr ? std::optional(state.step) : std::nullopt), rejects,
                    console_);
    EXPECT_EQ(trainer.run(), 0);
    EXPECT_EQ(trainer.state().step, ends_at_.value_or(options_.total_steps(kRecords)));
    times_ = trainer.times();
    return owned;
  }

  TemporaryFolder folder_;
  std::string shard_ = folder_ / "a.shard";
  std::string checkpoint_ = folder_ / "c.safetensors";
  DatasetInfo info_;
  TrainingOptions options_;
  StepTimes times_;                       // of the last run
  std::optional<std::uint64_t> ends_at_;  // if not with its last step
  Console console_{"test"};
};

TEST_F(Training, TakesTheStepsOfItsEpochs) {
  const auto net = train(nullptr, folder_ / "log.tsv");
  ASSERT_EQ(net->records.size(), 8U) << "30 images in batches of 4, the last one filled";
  // 4 images a step, epochs of 10: the rate falls for the steps after 12 and after 20 images.
  EXPECT_EQ(net->rates, (std::vector<double>{1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25}));
  std::vector<int> uses(kRecords);
  for (std::size_t step = 0; step < 8; ++step) {
    ASSERT_EQ(net->records[step].size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      if (step * 4 + i < 30) ++uses[net->records[step][i]];
    }
  }
  EXPECT_EQ(uses, std::vector<int>(kRecords, 3));
}

TEST_F(Training, TimesStepsWithoutValidations) {
  for (const bool overlaps : {false, true}) {
    const auto net = train(nullptr, folder_ / "log.tsv",
                           [overlaps](FakeNet& made, RunOptions&) { made.overlaps = overlaps; });
    EXPECT_GE(net->inferred.size(), 9U) << "three validations of ten images";
    EXPECT_EQ(times_.steps, 8U);
    EXPECT_EQ(times_.images, 32U);
    ASSERT_EQ(times_.layers.size(), 1U);
    EXPECT_EQ(times_.layers[0].seconds, 8.0) << "one a step";
    EXPECT_GT(times_.seconds, times_.read_seconds);
  }
}

TEST_F(Training, LogsStepsAndValidations) {
  (void)train(nullptr, folder_ / "log.tsv");
  const auto lines = lines_of(folder_ / "log.tsv");
  std::string rows;
  for (const std::string& line : lines) {
    std::istringstream fields(line);
    std::string step;
    std::string epoch;
    std::string set;
    fields >> step >> epoch >> set;
    rows += step + ":" + epoch + ":" + set + " ";
  }
  EXPECT_EQ(rows,
            "step:epoch:set 2:0.8:train 3:1.2:val 4:1.6:train 5:2:val 6:2.4:train 8:3.2:train 8:3.2:val ");
  // The fake net always answers class 0, which is right for three of the labels 0,1,2,3,0,1,2,3,0,1.
  EXPECT_NE(lines[2].find("\t10\t"), std::string::npos) << lines[2];
  EXPECT_NE(lines[2].find("\t0.700000\t0.000000\t"), std::string::npos) << lines[2];
}

TEST_F(Training, OverlappingStepsChangesNothing) {
  const auto run = [&](bool overlaps, const std::string& log) {
    return train(nullptr, folder_ / log, [&](FakeNet& net, RunOptions& options) {
      net.overlaps = overlaps;
      net.loss_growth = 0.125;
      options.checkpoint_every = Interval::parse("3steps", "", false);
      options.checkpoint_at_end = true;
    });
  };
  const auto columns = [&](const std::string& log) {
    std::vector<std::string> lines = lines_of(folder_ / log);
    for (std::string& line : lines) line.resize(line.rfind('\t'));  // the last field is the speed
    return lines;
  };
  const auto apart = run(false, "apart.tsv");
  const std::string checkpoint = read_text_file(checkpoint_, 1 << 20);
  const auto overlapped = run(true, "overlapped.tsv");
  EXPECT_EQ(columns("overlapped.tsv"), columns("apart.tsv"));
  EXPECT_EQ(overlapped->rates, apart->rates);
  EXPECT_EQ(overlapped->parameters, apart->parameters);
  EXPECT_EQ(read_text_file(checkpoint_, 1 << 20), checkpoint);
}

TEST_F(Training, DoesNotWaitForTheStepsUnderWayToLog) {
  const auto net = train(nullptr, folder_ / "log.tsv", [](FakeNet& made, RunOptions& run) {
    made.overlaps = true;
    run.log_every = Interval::parse("1steps", "", false);
    run.validate_every = Interval::parse("never", "", false);
  });
  EXPECT_EQ(lines_of(folder_ / "log.tsv").size(), 1U + 8U + 1U) << "head, steps, and validation at the end";
  EXPECT_EQ(net->drains, 1) << "at the end";
}

TEST_F(Training, GoesOnFromACheckpointAsIfNeverStopped) {
  const auto without_rates = [](std::vector<std::string> lines) {
    for (std::string& line : lines) line.resize(line.rfind('\t'));
    return lines;
  };
  const auto whole = train(nullptr, folder_ / "whole.tsv");
  for (int at = 1; at <= 7; ++at) {
    const std::string log = folder_ / ("log" + std::to_string(at));
    // Stops one step after a checkpoint, as if killed; at step 7 that is the last step.
    const auto cut = [&](FakeNet& net, RunOptions& run) {
      run.checkpoint_every = Interval::parse(std::to_string(at) + "steps", "", true);
      net.fail_after = static_cast<std::size_t>(at) + 1;
    };
    if (at < 7) {
      EXPECT_THROW((void)train(nullptr, log, cut), std::runtime_error);
    } else {
      (void)train(nullptr, log, cut);
    }
    const WeightsFile file(checkpoint_);
    const Checkpoint checkpoint = read_checkpoint(file);
    const auto resumed =
        train(&checkpoint.state, log, [&](FakeNet& net, RunOptions&) { load_parameters(file, net, true); });
    EXPECT_EQ(resumed->parameters, whole->parameters) << "from step " << checkpoint.state.step;
    EXPECT_EQ(resumed->momenta, whole->momenta);
    const auto rest = std::vector(whole->records.begin() + static_cast<std::ptrdiff_t>(checkpoint.state.step),
                                  whole->records.end());
    EXPECT_EQ(resumed->records, rest);
    EXPECT_EQ(without_rates(lines_of(log)), without_rates(lines_of(folder_ / "whole.tsv"))) << "from " << at;
  }
}

// Labels are 0,1,2,3,0,1,2,3,0,1: the error of the answer 1 is 0.7, that of 2 is 0.8.
TEST_F(Training, LetsTheRateFallWhenTheValidationErrorStopsFalling) {
  const std::vector<std::size_t> answers = {2, 2, 1, 1, 1, 2, 1, 1, 1, 1};
  // Validations without a smaller error: the 2nd, 4th, 5th, 6th, ...; the rate falls after two of them, the
  // 5th and the 7th, and then no more.
  const std::vector<double> epochs = {1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25};
  options_.set("batch", "5");
  options_.set("epochs", "10");
  options_.set("lr-policy", "plateau:0.5,2,2");
  std::vector<double> expected;
  for (const double rate : epochs) expected.insert(expected.end(), 2, rate);
  const auto whole =
      train(nullptr, folder_ / "log.tsv", [&](FakeNet& net, RunOptions&) { net.answers = answers; });
  EXPECT_EQ(whole->rates, expected);

  // Stopped after any step, the run goes on in the same way.
  for (std::size_t at = 1; at < 20; ++at) {
    const std::string log = folder_ / ("log" + std::to_string(at));
    EXPECT_THROW((void)train(nullptr, log,
                             [&](FakeNet& net, RunOptions& run) {
                               net.answers = answers;
                               run.checkpoint_every = Interval::parse(std::to_string(at) + "steps", "", true);
                               net.fail_after = at;
                             }),
                 std::runtime_error);
    const WeightsFile file(checkpoint_);
    const Checkpoint checkpoint = read_checkpoint(file);
    ASSERT_EQ(checkpoint.state.step, at);
    const auto resumed = train(&checkpoint.state, log, [&](FakeNet& net, RunOptions&) {
      load_parameters(file, net, true);
      net.answers.assign(answers.begin() + static_cast<std::ptrdiff_t>(at / 2), answers.end());
    });
    EXPECT_EQ(resumed->parameters, whole->parameters) << "from step " << at;
    EXPECT_EQ(resumed->rates,
              std::vector(expected.begin() + static_cast<std::ptrdiff_t>(at), expected.end()));
  }
}

TEST_F(Training, StopsEarlyAfterValidationsWithoutASmallerError) {
  options_.set("batch", "5");
  options_.set("epochs", "10");
  options_.set("early-stop", "3");
  ends_at_ = 12;
  // A validation after every second step. The third has the least error, and three without a smaller one
  // follow; the second, which only repeats the first, does not end the run.
  const std::vector<std::size_t> answers = {2, 2, 1, 2, 1, 1, 3, 3, 3, 3};
  const auto whole = train(nullptr, folder_ / "whole.tsv", [&](FakeNet& net, RunOptions& run) {
    net.answers = answers;
    run.log_every = Interval::parse("5steps", "", false);
  });
  EXPECT_EQ(whole->rates.size(), 12U);
  const auto lines = lines_of(folder_ / "whole.tsv");
  EXPECT_EQ(lines.back().substr(0, 12), "12\t6\ttrain\t1") << "what the run had not logged when it stopped";
  for (std::size_t at = 1; at <= 12; ++at) {
    const std::string log = folder_ / ("log" + std::to_string(at));
    const auto cut = [&](FakeNet& net, RunOptions& run) {
      net.answers = answers;
      run.log_every = Interval::parse("5steps", "", false);
      run.checkpoint_every = Interval::parse(std::to_string(at) + "steps", "", true);
      net.fail_after = at;
    };
    if (at < 12) {
      EXPECT_THROW((void)train(nullptr, log, cut), std::runtime_error);
    } else {
      (void)train(nullptr, log, cut);
    }
    const WeightsFile file(checkpoint_);
    const Checkpoint checkpoint = read_checkpoint(file);
    ASSERT_EQ(checkpoint.state.step, at);
    const auto resumed = train(&checkpoint.state, log, [&](FakeNet& net, RunOptions& run) {
      load_parameters(file, net, true);
      run.log_every = Interval::parse("5steps", "", false);
      net.answers.assign(answers.begin() + static_cast<std::ptrdiff_t>(at / 2), answers.end());
    });
    EXPECT_EQ(resumed->parameters, whole->parameters) << "from step " << at;
    EXPECT_EQ(lines_of(log).size(), lines.size());
  }
}

TEST_F(Training, KeepsTheBestWeights) {
  options_.set("batch", "5");
  options_.set("epochs", "6");
  const std::vector<std::size_t> answers = {2, 1, 1, 2, 1, 2};  // the second is the first of the best
  const std::string best = folder_ / "w.best.safetensors";
  const auto arrange = [&](FakeNet& net, RunOptions& run) {
    net.answers = answers;
    run.keep = Keep::all;
    run.output = folder_ / "w.safetensors";
  };
  (void)train(nullptr, folder_ / "log.tsv", arrange);
  const auto check = [&](const std::string& path, std::uint64_t step, double error, float value) {
    const WeightsFile file(path);
    const KeptStep kept = read_kept_step(file);
    EXPECT_EQ(kept.step, step) << path;
    EXPECT_EQ(kept.top1_error, error) << path;
    EXPECT_EQ(kept.epoch, static_cast<double>(step) / 2) << path;
    EXPECT_EQ(file.parameter(0)[0], value) << path;  // the sum of the rates so far
  };
  check(best, 4, 0.7, 3.0F);
  check(folder_ / "w.epoch-001.safetensors", 2, 0.8, 2.0F);
  check(folder_ / "w.epoch-002.safetensors", 4, 0.7, 3.0F);
  check(folder_ / "w.epoch-006.safetensors", 12, 0.8, 5.0F);
  EXPECT_EQ(find_kept_weights(folder_ / "w.safetensors", Keep::all).size(), 7U);
  EXPECT_EQ(find_kept_weights(folder_ / "w.safetensors", Keep::best), (std::vector<std::string>{best}));
  EXPECT_TRUE(find_kept_weights(folder_ / "w.safetensors", Keep::last).empty());

  // Stopped after any step, with the file as it was or with one from later, the resumed run ends alike.
  const std::string want = read_text_file(best, 1 << 20);
  for (std::size_t at = 1; at < 12; ++at) {
    std::filesystem::remove(best);
    EXPECT_THROW((void)train(nullptr, folder_ / "log.tsv",
                             [&](FakeNet& net, RunOptions& run) {
                               arrange(net, run);
                               run.checkpoint_every = Interval::parse(std::to_string(at) + "steps", "", true);
                               net.fail_after = at;
                             }),
                 std::runtime_error);
    const WeightsFile file(checkpoint_);
    const Checkpoint checkpoint = read_checkpoint(file);
    EXPECT_EQ(checkpoint.state.step, at);
    EXPECT_EQ(std::filesystem::exists(best), at >= 2);
    (void)train(&checkpoint.state, folder_ / "log.tsv", [&](FakeNet& net, RunOptions& run) {
      arrange(net, run);
      load_parameters(file, net, true);
      net.answers.assign(answers.begin() + static_cast<std::ptrdiff_t>(at / 2), answers.end());
    });
    EXPECT_EQ(read_text_file(best, 1 << 20), want) << "from step " << at;
  }
}

TEST_F(Training, HoldsWeightsThatCannotBeWrittenAsTheyWere) {
  const Dataset data({shard_}, [](const Damage& damage) { ADD_FAILURE() << damage.where(); });
  FakeNet net(kBatch);
  Model model;
  model.net = net.net();
  model.dataset = info_;
  model.mean.resize(25);
  const LabelScan labels = check_training_set(data, model.net, console_);
  const RunHistory history;
  const RunInputs inputs{model, options_, data, labels, &data, history};
  RunOptions run;
  run.keep = Keep::all;
  run.output = folder_ / "away/w.safetensors";
  KeptWeights kept(net, inputs, run, console_);
  const auto state_at = [&](std::uint64_t step, float value) {
    for (auto& values : net.parameters) values.assign(values.size(), value);
    TrainingState state;
    state.step = step;
    state.records = kRecords;
    state.best = {.error = 0.5, .step = step};
    return state;
  };
  kept.keep_best(state_at(1, 1.0F));
  kept.keep_best(state_at(2, 2.0F));  // takes the place of the one before
  kept.keep_epoch(state_at(5, 5.0F), std::nullopt);
  (void)state_at(6, 6.0F);
  EXPECT_FALSE(kept.finish());
  std::filesystem::create_directory(folder_ / "away");
  EXPECT_TRUE(kept.finish()) << "once the folder is there";
  const WeightsFile best(folder_ / "away/w.best.safetensors");
  EXPECT_EQ(read_kept_step(best).step, 2U);
  EXPECT_EQ(best.parameter(0)[0], 2.0F);
  const WeightsFile epoch(folder_ / "away/w.epoch-002.safetensors");
  EXPECT_EQ(epoch.parameter(0)[0], 5.0F);
  EXPECT_EQ(read_kept_step(epoch).top1_error, std::nullopt);
  // Of two epochs that cannot be written, one is lost, and that is told.
  std::filesystem::remove_all(folder_ / "away");
  kept.keep_epoch(state_at(8, 8.0F), std::nullopt);
  kept.keep_epoch(state_at(10, 10.0F), std::nullopt);
  std::filesystem::create_directory(folder_ / "away");
  EXPECT_FALSE(kept.finish());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "away/w.epoch-004.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "away/w.epoch-003.safetensors"));
}

TEST(KeptWeights, AreNamedAfterTheOutput) {
  const TemporaryFolder folder;
  EXPECT_EQ(best_weights_file(folder / "a.safetensors"), folder / "a.best.safetensors");
  EXPECT_EQ(best_weights_file(folder / "a.st"), folder / "a.st.best.safetensors");
  EXPECT_EQ(epoch_weights_file(folder / "a.safetensors", 7), folder / "a.epoch-007.safetensors");
  EXPECT_EQ(epoch_weights_file(folder / "a.safetensors", 1234), folder / "a.epoch-1234.safetensors");
  EXPECT_EQ(best_weights_file("-"), "");
  EXPECT_EQ(best_weights_file("/dev/null"), "");
  // Only such names are found.
  for (const char* name : {"a.epoch-001.safetensors", "a.epoch-12.safetensors", "a.epoch-.safetensors",
                           "a.epoch-x.safetensors", "b.epoch-001.safetensors", "a.epoch-001.safetensors.~1~",
                           "a.best.safetensors", "aa.epoch-001.safetensors"}) {
    OutputFile out(folder / name, OutputFile::Content::binary);
    out.write("x");
    out.commit();
  }
  EXPECT_EQ(find_kept_weights(folder / "a.safetensors", Keep::all),
            (std::vector<std::string>{folder / "a.best.safetensors", folder / "a.epoch-001.safetensors",
                                      folder / "a.epoch-12.safetensors"}));
  EXPECT_TRUE(find_kept_weights(folder / "no/a.safetensors", Keep::best).empty());
}

// Killed after the checkpoint that knows of the best weights, and before they were written.
TEST_F(Training, WritesTheBestWeightsThatItsCheckpointKnowsOf) {
  options_.set("batch", "5");
  options_.set("epochs", "6");
  const std::string best = folder_ / "w.best.safetensors";
  const auto run_from = [&](const TrainingState* from, const WeightsFile* file, std::size_t fail_after) {
    return train(from, folder_ / "log.tsv", [&](FakeNet& net, RunOptions& run) {
      net.answers.assign(12, 2);
      run.keep = Keep::best;
      run.output = folder_ / "w.safetensors";
      run.checkpoint_every = Interval::parse("2steps", "", true);
      net.fail_after = fail_after;
      if (file != nullptr) load_parameters(*file, net, true);
    });
  };
  EXPECT_THROW((void)run_from(nullptr, nullptr, 3), std::runtime_error);
  const WeightsFile file(checkpoint_);
  const Checkpoint checkpoint = read_checkpoint(file);
  ASSERT_EQ(checkpoint.state.step, 2U);
  EXPECT_EQ(checkpoint.state.best.step, 2U);
  std::filesystem::rename(best, best + ".before");
  EXPECT_THROW((void)run_from(&checkpoint.state, &file, 0), std::runtime_error);
  EXPECT_EQ(read_text_file(best, 1 << 20), read_text_file(best + ".before", 1 << 20));

  // Where the file is gone later, the best from there on is kept.
  std::filesystem::remove(best);
  EXPECT_THROW((void)run_from(&checkpoint.state, &file, 3), std::runtime_error);
  const WeightsFile later_file(checkpoint_);
  const Checkpoint later = read_checkpoint(later_file);
  ASSERT_EQ(later.state.step, 4U);
  std::filesystem::remove(best);
  (void)run_from(&later.state, &later_file, 1000);
  EXPECT_EQ(read_kept_step(WeightsFile(best)).step, 6U);
}

TEST_F(Training, LeavesTheValidationAtTheEndOutOfThePlateau) {
  options_.set("batch", "5");
  options_.set("lr-policy", "plateau:0.5,1,9");
  const auto state_after = [&](const char* steps, const TrainingState* from,
                               std::vector<std::size_t> answers) {
    options_.set("steps", steps);
    (void)train(from, folder_ / "log.tsv", [&](FakeNet& net, RunOptions& run) {
      net.answers = std::move(answers);
      run.checkpoint_at_end = true;
    });
    return read_checkpoint(WeightsFile(checkpoint_)).state;
  };
  const TrainingState cut = state_after("3", nullptr, {1, 2});  // after step 2, and at the end
  EXPECT_EQ(cut.plateau.best, 0.7);
  EXPECT_EQ(cut.plateau.drops, 0U);
  const TrainingState longer = state_after("6", &cut, {2, 2});
  EXPECT_EQ(longer.plateau, state_after("6", nullptr, {1, 2, 2}).plateau) << "as if it had not been stopped";
  EXPECT_EQ(longer.plateau.drops, 2U);
}

TEST_F(Training, StopsWhereTheLossIsNoNumber) {
  for (const double loss : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    std::string message;
    try {
      (void)train(nullptr, folder_ / "log.tsv", [&](FakeNet& net, RunOptions& run) {
        net.loss = loss;
        run.checkpoint_every = Interval::parse("1steps", "", true);
      });
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_NE(message.find("step 1: the loss is not a finite number"), std::string::npos) << message;
    EXPECT_NE(message.find("smaller --lr"), std::string::npos) << message;
    EXPECT_FALSE(std::filesystem::exists(checkpoint_)) << "a net that diverged is not kept";
  }
}

TEST_F(Training, StopsWhereValidationGivesNoNumber) {
  EXPECT_THROW((void)train(nullptr, folder_ / "log.tsv",
                           [](FakeNet& net, RunOptions&) { net.answer = std::nanf(""); }),
               Error);
}

TEST_F(Training, EvaluatesEveryRecordOnceInBatchesOfAnySize) {
  const Dataset data({shard_}, [](const Damage& damage) { ADD_FAILURE() << damage.where(); });
  for (const int batch : {1, 3, 4, 10, 64}) {
    FakeNet net(64);
    std::vector<std::uint64_t> seen;
    EvaluationHooks hooks;
    hooks.record = [&](std::uint64_t record, std::int32_t, std::span<const float>) {
      seen.push_back(record);
    };
    Ensemble alone({{.net = net}});
    const Metrics metrics = evaluate(alone, data, {.batch = batch, .threads = 1}, hooks);
    EXPECT_EQ(metrics.totals().images, kRecords);
    EXPECT_EQ(metrics.totals().top1_wrong, 7U);
    ASSERT_EQ(seen.size(), kRecords);
    for (std::uint64_t i = 0; i < kRecords; ++i) EXPECT_EQ(seen[i], i);
  }
}

TEST_F(Training, LeavesAnEmptyBatchOut) {
  FakeNet net(kBatch);
  TrainingState state;
  state.records = kRecords;
  Solver solver(net, options_, state);
  solver.start(Batch{});
  (void)solver.finish();
  EXPECT_TRUE(net.rates.empty()) << "nothing to learn from";
  EXPECT_EQ(solver.state().step, 1U);
}

}  // namespace
}  // namespace convoy
