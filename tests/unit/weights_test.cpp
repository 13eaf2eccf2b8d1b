// formats/weights and lib/runs/checkpoint: round trips, and errors that name what does not match.
#include "formats/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/runs/checkpoint.h"
#include "tests/support/error_message.h"
#include "tests/support/fake_net.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::FakeNet;
using test::TemporaryFolder;

class Weights : public ::testing::Test {
 protected:
  Weights() : net_(8) {
    model_.net = net_.net();
    model_.dataset = test::small_info(5, 5, 1, 3);
    for (int i = 0; i < 25; ++i) model_.mean.push_back(static_cast<float>(i) / 3);
    float value = 0.1F;
    for (auto& values : net_.parameters) {
      for (float& one : values) one = (value *= -1.1F);
    }
    for (auto& values : net_.momenta) {
      for (float& one : values) one = (value *= 0.9F);
    }
    options_.set("lr", "0.003");
    options_.set("seed", "77");
    state_.step = 42;
    state_.records = 1000;
    state_.fingerprint = ~std::uint64_t{0} - 1;
    state_.logged = {.images = 9, .top1_wrong = 5, .top5_wrong = 2, .loss_sum = 0.1 + 0.2};
    state_.validation_due = true;
    state_.validates = true;
  }

  // Writes the tensors and metadata of a good file after a change.
  void write_changed(const std::function<void(std::vector<TensorView>&, Metadata&)>& change) {
    const SafetensorsFile good(path_, Expected::weights);
    std::vector<TensorView> tensors = good.tensors();
    Metadata metadata = good.metadata();
    change(tensors, metadata);
    OutputFile out(changed_, OutputFile::Content::binary);
    write_safetensors(out, tensors, metadata);
    out.commit();
  }
  [[nodiscard]] std::string open_changed() const {
    return test::error_of([this] { const WeightsFile file(changed_); });
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "w.safetensors";
  std::string changed_ = folder_ / "changed.safetensors";
  FakeNet net_;
  Model model_;
  TrainingOptions options_;
  TrainingState state_;
};

TEST_F(Weights, AreReadAsWritten) {
  save_weights(path_, model_, options_, net_);
  const WeightsFile file(path_);
  EXPECT_EQ(file.model().net.text, test::kFakeNetText);
  EXPECT_EQ(file.model().dataset, model_.dataset);
  EXPECT_EQ(file.model().mean, model_.mean);
  EXPECT_EQ(file.metadata("format"), "pt");
  EXPECT_EQ(file.metadata("convoy.seed"), "77");
  EXPECT_EQ(file.metadata("nothing"), std::nullopt);
  EXPECT_TRUE(file.unknown().empty());
  ASSERT_EQ(file.parameters().size(), 2U);
  FakeNet other(1);
  load_parameters(file, other, false);
  EXPECT_EQ(other.parameters, net_.parameters);
  EXPECT_EQ(other.mean, model_.mean);
  EXPECT_NE(test::error_of([&] { (void)read_checkpoint(file); }).find("not a checkpoint"), std::string::npos);
}

// The fake net takes gray images; what the statistics are for does not matter to the file.
TEST_F(Weights, KeepColourStatisticsIfThereAreAny) {
  model_.colors = ColorStatistics{.eigenvectors = {0, 1, 0, 0, 0, 1, 1, 0, 0}, .deviations = {30, 20, 10.5F}};
  save_checkpoint(path_, model_, options_, state_, net_);
  const WeightsFile file(path_);
  EXPECT_EQ(file.model().colors, model_.colors);
  EXPECT_TRUE(file.unknown().empty());
  write_changed([](auto& tensors, auto&) {
    for (TensorView& tensor : tensors) {
      if (tensor.name == kColorEigenvectorsTensor) tensor.shape = {9, 1};
    }
  });
  EXPECT_EQ(open_changed(), changed_ + ": tensor 'color_eigenvectors' is [9,1], not [3,3]");
  write_changed([](auto& tensors, auto&) {
    std::erase_if(tensors, [](const TensorView& tensor) { return tensor.name == kColorEigenvectorsTensor; });
  });
  EXPECT_EQ(open_changed(), changed_ + ": tensor 'color_eigenvectors' is missing");
  const std::vector<float> negative = {30, 20, -1};
  write_changed([&](auto& tensors, auto&) {
    for (TensorView& tensor : tensors) {
      if (tensor.name == kColorDeviationsTensor) tensor.data = std::as_bytes(std::span(negative));
    }
  });
  EXPECT_EQ(open_changed(), changed_ + ": tensor 'color_stddev' has values that no colours have");
  model_.colors.reset();
  save_checkpoint(path_, model_, options_, state_, net_);
  EXPECT_FALSE(WeightsFile(path_).model().colors);
  EXPECT_EQ(SafetensorsFile(path_, Expected::checkpoint).find(kColorDeviationsTensor), nullptr);
}

TEST_F(Weights, DependOnTheirContentAlone) {
  save_weights(path_, model_, options_, net_);
  save_weights(changed_, model_, options_, net_);
  EXPECT_EQ(test::bytes_of_file(path_), test::bytes_of_file(changed_));
}

TEST_F(Weights, CheckpointsKeepEverything) {
  save_checkpoint(path_, model_, options_, state_, net_);
  const WeightsFile file(path_);
  EXPECT_TRUE(file.unknown().empty()) << "momenta are known";
  const Checkpoint checkpoint = read_checkpoint(file);
  EXPECT_EQ(checkpoint.state, state_) << "the sums of the log to the last bit too";
  EXPECT_TRUE(resume_differences(checkpoint.options, options_).empty());
  FakeNet other(1);
  load_parameters(file, other, true);
  EXPECT_EQ(other.parameters, net_.parameters);
  EXPECT_EQ(other.momenta, net_.momenta);
}

TEST_F(Weights, CheckpointsKeepWhatValidationsHaveShown) {
  state_.keeps = true;
  state_.plateau = {.best = 0.1 + 0.2, .stale = 3, .drops = 2};
  state_.patience = {.best = std::nullopt, .stale = 1, .drops = 0};
  state_.best = {.error = 1.0 / 3, .step = 400};
  save_checkpoint(path_, model_, options_, state_, net_);
  EXPECT_EQ(read_checkpoint(WeightsFile(path_)).state, state_);
}

TEST_F(Weights, TellOfTheHistoryOfTheirRun) {
  const RunHistory history{.changes = {{5, "lr", "0.01", "0.001"}, {7, "at", "", "2:lr=\"x\""}},
                           .initial_file = "old\xff.safetensors",
                           .initial_layers = {"conv1", "conv2"}};
  save_weights(path_, model_, options_, net_, history);
  RunHistory read = read_history(WeightsFile(path_));
  EXPECT_EQ(read.initial_file, "old\xEF\xBF\xBD.safetensors") << "JSON is UTF-8";
  read.initial_file = history.initial_file;
  EXPECT_EQ(read, history);
  save_checkpoint(path_, model_, options_, state_, net_, read_history(WeightsFile(path_)));
  EXPECT_EQ(read_checkpoint(WeightsFile(path_)).history.changes, history.changes);
  save_weights(path_, model_, options_, net_);
  const WeightsFile plain(path_);
  EXPECT_EQ(plain.metadata(kMetaChanges), std::nullopt);
  EXPECT_EQ(plain.metadata(kMetaInitial), std::nullopt);
  EXPECT_EQ(read_history(plain), RunHistory{});
}

TEST_F(Weights, RefuseAHistoryThatIsNone) {
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [key, text] :
       {Pair{kMetaChanges, "{}"}, Pair{kMetaChanges, "[1]"}, Pair{kMetaChanges, "[{}]"},
        Pair{kMetaChanges, "["}, Pair{kMetaChanges, R"([{"step":-1,"option":"lr","before":"","after":""}])"},
        Pair{kMetaChanges, R"([{"step":1,"option":2,"before":"","after":""}])"}, Pair{kMetaInitial, "[]"},
        Pair{kMetaInitial, R"({"file":"a","layers":{}})"},
        Pair{kMetaInitial, R"({"file":"a","layers":[1]})"}}) {
    save_checkpoint(path_, model_, options_, state_, net_);
    write_changed([&](auto&, auto& metadata) { metadata[key] = text; });
    EXPECT_THROW((void)read_checkpoint(WeightsFile(changed_)), Error) << key << " " << text;
  }
}

TEST_F(Weights, NameWhatIsMissingOrMisshapen) {
  save_checkpoint(path_, model_, options_, state_, net_);
  write_changed([](auto& tensors, auto&) {
    std::erase_if(tensors, [](const TensorView& tensor) { return tensor.name == "fc1.bias"; });
    for (TensorView& tensor : tensors) {
      if (tensor.name == "fc1.weight") tensor.shape = {9, 4};
      if (tensor.name == "mean") tensor.type = DType::i32;
    }
  });
  EXPECT_EQ(open_changed(), changed_ +
                                ": tensor 'fc1.weight' is [9,4], not [4,9]; tensor 'fc1.bias' is missing; "
                                "tensor 'mean' is I32, not F32");
}

TEST_F(Weights, RefuseValuesThatAreNotFinite) {
  save_checkpoint(path_, model_, options_, state_, net_);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf(""), -std::nanf("")}) {
    for (const char* const name : {"fc1.weight", "fc1.bias", "mean", "momentum.fc1.weight"}) {
      std::vector<float> values;
      write_changed([&](auto& tensors, auto&) {
        for (TensorView& tensor : tensors) {
          if (tensor.name != name) continue;
          const std::span<const float> good = tensor.f32(path_);
          values.assign(good.begin(), good.end());
          values.back() = bad;
          tensor.data = std::as_bytes(std::span(values));
        }
      });
      const WeightsFile file(changed_);
      FakeNet other(1);
      EXPECT_EQ(test::error_of([&] { load_parameters(file, other, true); }),
                changed_ + ": tensor '" + name + "' holds values that are not finite numbers");
    }
  }
  // eval and predict do not look at momenta.
  const WeightsFile file(changed_);
  FakeNet other(1);
  load_parameters(file, other, false);
}

TEST_F(Weights, KeepUnknownTensorsOut) {
  save_weights(path_, model_, options_, net_);
  const std::vector<float> values(3);
  write_changed([&](auto& tensors, auto&) {
    tensors.push_back({"fc9.weight", DType::f32, {3}, std::as_bytes(std::span(values))});
  });
  const WeightsFile file(changed_);
  EXPECT_EQ(file.unknown(), std::vector<std::string>{"fc9.weight"});
}

TEST_F(Weights, RefuseOtherMetadata) {
  save_checkpoint(path_, model_, options_, state_, net_);
  write_changed([](auto&, Metadata& metadata) { metadata.erase("convoy.net"); });
  EXPECT_NE(open_changed().find("not a weights file of convoy"), std::string::npos);
  write_changed([](auto&, Metadata& metadata) { metadata["convoy.net"] = "input 3x3x1\nbogus\n"; });
  EXPECT_NE(open_changed().find("net:2"), std::string::npos) << open_changed();
  write_changed([](auto&, Metadata& metadata) { metadata["convoy.dataset"] = "{"; });
  EXPECT_NE(open_changed(), "");
  for (const char* bad :
       {"[]", "{}", R"({"step":-1})", R"({"step":1e99})", "nonsense", R"({"step":1,"records":1})"}) {
    write_changed([bad](auto&, Metadata& metadata) { metadata["convoy.checkpoint"] = bad; });
    const WeightsFile file(changed_);
    EXPECT_THROW((void)read_checkpoint(file), Error) << bad;
  }
  write_changed([](auto&, Metadata& metadata) {
    std::string& text = metadata["convoy.dataset"];
    text.replace(text.find("bicubic"), 7, "x");
  });
  EXPECT_NE(open_changed().find("preprocessing filter 'x' is not known"), std::string::npos)
      << open_changed();
  write_changed(
      [](auto&, Metadata& metadata) { metadata["convoy.checkpoint"].replace(0, 1, R"({"stride":1,)"); });
  EXPECT_NE(test::error_of([&] { (void)read_checkpoint(WeightsFile(changed_)); }).find("stride"),
            std::string::npos);
  write_changed([](auto&, Metadata& metadata) { metadata["convoy.seed"] = "76"; });
  EXPECT_EQ(test::error_of([&] { (void)read_checkpoint(WeightsFile(changed_)); }),
            changed_ + ": convoy.options: its seed is 77, but convoy.seed is another: damaged, or changed");
  write_changed([](auto&, Metadata& metadata) { metadata.erase("convoy.seed"); });
  EXPECT_EQ(read_checkpoint(WeightsFile(changed_)).options.seed, 77U);
  write_changed([](auto&, Metadata& metadata) { metadata["convoy.options"] = R"({"batch":"0"})"; });
  const WeightsFile file(changed_);
  EXPECT_THROW((void)read_checkpoint(file), Error);
}

TEST_F(Weights, CheckpointsWithoutMomentaAreNamed) {
  save_checkpoint(path_, model_, options_, state_, net_);
  write_changed([](auto& tensors, auto&) {
    std::erase_if(tensors, [](const TensorView& tensor) { return tensor.name == "momentum.fc1.bias"; });
  });
  const WeightsFile file(changed_);
  EXPECT_EQ(test::error_of([&] { (void)file.momenta(); }),
            changed_ + ": tensor 'momentum.fc1.bias' is missing");
}

TEST_F(Weights, ThatDivergedAreNotWritten) {
  save_checkpoint(path_, model_, options_, state_, net_);
  const auto before = test::bytes_of_file(path_);
  for (auto* values : {&net_.parameters, &net_.momenta}) {
    const float kept = (*values)[0][3];
    (*values)[0][3] = std::numeric_limits<float>::infinity();
    EXPECT_THROW(save_checkpoint(path_, model_, options_, state_, net_), NotFiniteError);
    EXPECT_EQ(test::bytes_of_file(path_), before) << "the last good one stays";
    (*values)[0][3] = kept;
  }
}

}  // namespace
}  // namespace convoy
