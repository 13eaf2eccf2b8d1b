# What the paper says about CIFAR-10, tried: figure 1, and the worth of normalisation and of overlapping pooling. Included
# by Makefile.

SEEDS ?= 1 2 3
.PHONY: figure1 claims

# --- figure 1: ReLUs learn faster than tanh -------------------------------------------------------------------------
# Epochs of training until the training error is 25 %, without any regularisation. Each kind of neuron has the learning
# rate of FIGURE1_RATES that is the fastest with the first seed. A run is called figure1-KIND-RATE-SEED.
FIGURE1_ERROR ?= 0.25
FIGURE1_RATES ?= 0.0003 0.001 0.003 0.01
FIGURE1_EPOCHS_relu ?= 20
FIGURE1_EPOCHS_tanh ?= 60

figure1-relu.net: $(HERE)figure1.net
	cp $< $@
figure1-tanh.net: $(HERE)figure1.net
	sed 's/^relu/tanh/' $< > $@

define figure1_rule
figure1-$(1)-%.safetensors: figure1-$(1).net mean.safetensors train.shard
	$$(call train,figure1-$(1)-$$*,--batch=128 --momentum=0.9 --weight-decay=0 --flip=off \
	  --lr=$$(word 1,$$(subst -, ,$$*)) --seed=$$(word 2,$$(subst -, ,$$*)) --epochs=$$(FIGURE1_EPOCHS_$(1)) \
	  --log-every=100steps)
endef
$(foreach kind,relu tanh,$(eval $(call figure1_rule,$(kind))))

figure1_first := $(foreach kind,relu tanh,$(foreach rate,$(FIGURE1_RATES),figure1-$(kind)-$(rate)-$(firstword $(SEEDS))))

# Lines of KIND TAB RATE.
figure1.rates: $(figure1_first:=.safetensors)
	$(HERE)epochs-to $(FIGURE1_ERROR) $(figure1_first:=.log.tsv) | awk -F '[-\t]' '\
	  $$5 != "never" && (!($$2 in least) || $$5 < least[$$2]) { least[$$2] = $$5; rate[$$2] = $$3 } \
	  END { for (kind in rate) print kind "\t" rate[kind] }' | sort > $@
	[ "$$(wc -l < $@)" = 2 ] || { echo 'figure1: no rate reaches the error with one of relu and tanh' >&2; exit 1; }

# The rates are known only now: they go to a make of their own, as RATE_relu and RATE_tanh.
figure1: figure1.rates
	$(MAKE) --no-print-directory -f $(HERE)Makefile figure1.svg \
	  $$(awk -F '\t' '{ print "RATE_" $$1 "=" $$2 }' figure1.rates)

figure1_runs := $(foreach kind,relu tanh,$(SEEDS:%=figure1-$(kind)-$(RATE_$(kind))-%))

figure1.svg: $(figure1_runs:=.safetensors)
	$(CONVOY) shownet curves --show=error --set=train $(figure1_runs:%=--name=%) -o $@ \
	  $(figure1_runs:=.log.tsv)
	$(HERE)epochs-to $(FIGURE1_ERROR) $(figure1_runs:=.log.tsv) | tee figure1.tsv
	awk -F '[-\t]' '{ runs[$$2]++; sum[$$2] += $$5; never += $$5 == "never" } END { \
	  if (never) { print "not every run reaches the error"; exit } \
	  relu = sum["relu"] / runs["relu"]; tanh = sum["tanh"] / runs["tanh"]; \
	  printf "relu %.2f epochs, tanh %.2f: %.1f times as many\n", relu, tanh, tanh / relu }' figure1.tsv

# --- normalisation 13 -> 11 %, overlapping pooling -------------------------------------------------------------------
# One net three times, all with the schedule of the first: cifar-local-13pct.net; with normalisation, which is
# cifar-local-11pct.net; and with pooling windows that do not overlap, whose output has the same size. A run is called
# claims-KIND-SEED.
CLAIMS := plain normalised apart
CLAIMS_OPTIONS ?= $(OPTIONS_local-13pct)

claims-plain.net: $(HERE)../nets/cifar-local-13pct.net
	cp $< $@
claims-normalised.net: $(HERE)../nets/cifar-local-11pct.net
	cp $< $@
claims-apart.net: $(HERE)../nets/cifar-local-13pct.net
	sed 's/^maxpool 3x3/maxpool 2x2/' $< > $@

define claims_rule
claims-$(1)-%.safetensors: claims-$(1).net mean.safetensors train.shard val.shard
	$$(call train,claims-$(1)-$$*,--val=val.shard --seed=$$* $$(CLAIMS_OPTIONS) $$(COMMON))
endef
$(foreach kind,$(CLAIMS),$(eval $(call claims_rule,$(kind))))

claims-%.tsv: claims-%.safetensors val.shard
	$(CONVOY) eval -w $< --views=10 $(call rejects,claims-$*-evaluation) -o $@ val.shard

claims_runs := $(foreach kind,$(CLAIMS),$(SEEDS:%=claims-$(kind)-%))

# Errors in per cent: for each kind one for each seed, and their mean.
claims: $(claims_runs:=.tsv)
	$(CONVOY) shownet curves --show=error --set=val $(claims_runs:%=--name=%) -o claims.svg \
	  $(claims_runs:=.log.tsv)
	@$(foreach kind,$(CLAIMS),awk -F '\t' -v kind=$(kind) '$$1 == "top1_error" { errors = errors sprintf("  %5.2f", 100 * $$2); \
	  sum += 100 * $$2; n++ } END { printf "%-10s%s  mean %.2f\n", kind, errors, sum / n }' \
	  $(SEEDS:%=claims-$(kind)-%.tsv);)
