// What shardpack tells about shards: lists, summaries, checks.
#pragma once

#include <cstdint>
#include <string>

#include "formats/shard.h"
#include "lib/base/file.h"

namespace convoy {

// One line a record: index, label, class id ("-" without label), name, offset of the payload, its length, its
// checksum (16 hexadecimal digits), and the file. Payloads are not read, except from a pipe.
void list_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage);

enum class InfoForm { text, json };
// What the shard says about its records, and how many each class has: lines KEY<TAB>VALUE and
// class<TAB>LABEL<TAB>ID<TAB>NAME<TAB>RECORDS, or one JSON object on one line.
void describe_shard(const std::string& path, InfoForm form, OutputFile& out, const DamageHandler& on_damage);

// Reads everything and compares every checksum. Writes "FILE<TAB>whole records<TAB>losses".
void verify_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage);

}  // namespace convoy
