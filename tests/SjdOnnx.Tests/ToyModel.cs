using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests;

/// <summary>
/// A model whose logits are a hash of all tokens before them. The probability of every image can be computed, and a single wrong token or
/// stale entry in the cache changes everything after it. The model checks that its caller keeps the contract of
/// <see cref="IPromptedModel"/> and <see cref="INoisyModel"/>, and allocates nothing.
/// </summary>
internal sealed class ToyModel : INoisyModel, IForwardPass
{
    // The most tokens that the tree of a pass adds to those of an image.
    private const int MaxBranches = 64;

    private readonly TokenLayout _layout;
    private readonly ulong[] _prefixes; // entry k: the hash of the k-th cached token and of all tokens before it; entry 0: of none
    private readonly int[] _positions; // entry k: the position after that token
    private readonly ulong[] _embeddings; // by position: the noisy embedding that is read in place of the code
    private readonly (int Call, int Steps)[] _read; // by position: the call that last read it as noise, and the steps that were left
    private readonly float[] _conditional;
    private readonly float[] _unconditional;
    private int _maxSteps; // denoising steps of this image
    private int _cached = -1;
    private int _rows;
    private bool _ran = true;

    public ToyModel(TokenLayout layout)
    {
        _layout = layout;
        int longest = layout.Length + MaxBranches + 1;
        _prefixes = new ulong[longest];
        _positions = new int[longest];
        _embeddings = new ulong[longest];
        _read = new (int, int)[longest];
        _conditional = new float[longest * layout.Codes];
        _unconditional = new float[longest * layout.Codes];
    }

    /// <summary>How much the logits depend on the position alone.</summary>
    public float PositionEffect { get; init; } = 1;

    /// <summary>How much the logits depend on the tokens before the position.</summary>
    public float ContextEffect { get; init; } = 1.5f;

    /// <summary>Codes from here on have a logit of −∞.</summary>
    public int Possible { get; init; } = int.MaxValue;

    public bool HasUnconditionalLane { get; init; } = true;

    public int Codes => _layout.Codes;

    public int Calls { get; private set; }

    public Logits Logits
    {
        get
        {
            Demand(_ran, "Logits are read after a pass.");
            int length = _rows * Codes;
            return new Logits(_conditional.AsSpan(..length), HasUnconditionalLane ? _unconditional.AsSpan(..length) : [], Codes);
        }
    }

    public void FeedPrompt()
    {
        (_cached, _rows, _ran, _maxSteps) = (0, 1, false, 0);
    }

    public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents)
    {
        Demand(_ran, "A pass runs before more ids are fed.");
        Demand(_cached >= 0, "The prompt comes first.");
        Demand(rows >= 1 && rows <= ids.Length, "Logits are asked for after new ids only.");
        Demand(parents.IsEmpty || parents.Length == ids.Length, "Every id of a tree has a parent.");
        int cached = _cached;
        for (int i = 0; i < ids.Length; i++)
        {
            int parent = parents.IsEmpty ? i - 1 : parents[i];
            Demand(parent >= -1 && parent < i, "Parents come before their children.");
            int before = cached + parent + 1;
            int position = _positions[before];
            int legal = _layout.ForcedId(position) ?? Math.Clamp(ids[i], _layout.FirstCode, _layout.FirstCode + Codes - 1);
            Demand(ids[i] == legal, "Structural tokens stand where the layout says, and codes everywhere else.");
            Demand(position < _layout.LastCode, "Tokens from the last image code on need no pass.");
            _cached++;
            _prefixes[_cached] = Extend(_prefixes[before], ids[i]);
            _positions[_cached] = position + 1;
        }

        (_rows, _ran) = (rows, false);
    }

    /// <summary>The noisy embedding of a position is a hash of the noise and of all ids that have been read there since.</summary>
    public void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness)
    {
        Demand(steps.Length == ids.Length, "Every id has a number of steps.");
        int cached = _cached;
        Feed(ids, rows, []);
        for (int i = 0; i < ids.Length; i++)
        {
            int position = _positions[cached + i];
            Demand(steps[i] == 0 || _layout.ForcedId(position) is null, "Structural tokens are not read as noise.");
            bool goesOn = _read[position] == (Calls, steps[i] + 1);
            Demand(
                goesOn || steps[i] == 0 || _maxSteps == 0 || steps[i] == _maxSteps,
                "A new position begins with all steps, and every pass takes one.");
            _maxSteps = Math.Max(_maxSteps, steps[i]);
            _embeddings[position] = goesOn ? Extend(_embeddings[position], ids[i])
                : Mix(BitConverter.DoubleToUInt64Bits(randomness.At(0).Uniform(position, Purpose.Guess)));
            _read[position] = (Calls + 1, steps[i]);
            if (steps[i] > 0)
                _prefixes[cached + i + 1] = Mix(_prefixes[cached + i] ^ _embeddings[position] ^ ((ulong)steps[i] << 40));
            else
                _prefixes[cached + i + 1] = Extend(_prefixes[cached + i], ids[i]);
        }
    }

    public void Run(CancellationToken cancellationToken)
    {
        Demand(!_ran, "A pass runs after something was fed.");
        Calls++;
        for (int row = 0; row < _rows; row++)
        {
            int token = _cached - _rows + 1 + row;
            WriteLogits(_positions[token], _prefixes[token], _conditional.AsSpan(row * Codes, Codes), lane: 0);
            WriteLogits(_positions[token], _prefixes[token], _unconditional.AsSpan(row * Codes, Codes), lane: 1);
        }

        _ran = true;
    }

    public void Truncate(int length)
    {
        Demand(length >= 0 && length <= _cached, "Only cached tokens can be removed.");
        Demand(_ran, "Tokens are not removed before the pass has read them.");
        for (int token = 1; token <= length; token++)
            Demand(_positions[token] == token, "The tokens that stay are those of the image, in their order.");
        _cached = length;
    }

    /// <summary>
    /// The probability of every image. An image's index is the number whose digits are its codes, the first code the most significant.
    /// </summary>
    public double[] ImageProbabilities(SamplingOptions sampling)
    {
        var probabilities = new double[(int)Math.Pow(Codes, _layout.ImageTokens)];
        Extend(position: 0, prefix: 0, digits: 0, probability: 1);
        return probabilities;

        void Extend(int position, ulong prefix, int digits, double probability)
        {
            if (position > _layout.LastCode)
            {
                probabilities[digits] = probability;
                return;
            }

            if (_layout.ForcedId(position) is { } forced)
            {
                Extend(position + 1, ToyModel.Extend(prefix, forced), digits, probability);
                return;
            }

            double[] p = Probabilities(position, prefix, sampling);
            for (int code = 0; code < Codes; code++)
                Extend(position + 1, ToyModel.Extend(prefix, _layout.FirstCode + code), (digits * Codes) + code, probability * p[code]);
        }
    }

    private double[] Probabilities(int position, ulong prefix, SamplingOptions sampling)
    {
        var conditional = new float[Codes];
        var unconditional = new float[Codes];
        WriteLogits(position, prefix, conditional, lane: 0);
        WriteLogits(position, prefix, unconditional, lane: 1);
        return ReferenceChain.Probabilities(conditional, unconditional, sampling);
    }

    private void WriteLogits(int position, ulong prefix, Span<float> logits, ulong lane)
    {
        for (int code = 0; code < logits.Length; code++)
        {
            ulong address = ((ulong)code << 1) | lane;
            float ofPosition = Noise(Mix((ulong)position ^ 0xABCD) ^ address);
            float ofContext = Noise(prefix ^ address);
            logits[code] = code < Possible ? (PositionEffect * ofPosition) + (ContextEffect * ofContext) : float.NegativeInfinity;
        }
    }

    // xunit's Assert.True allocates, and a test counts allocations
    private static void Demand(bool kept, string contract)
    {
        if (!kept)
            Assert.Fail(contract);
    }

    private static ulong Extend(ulong prefix, int id) => Mix(prefix ^ (ulong)(id + 1));

    private static float Noise(ulong address) => (float)(((Mix(address) >> 11) / (double)(1UL << 52)) - 1);

    // the finalizer of SplitMix64
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
