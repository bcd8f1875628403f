using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests;

/// <summary>
/// A model whose logits are a hash of every token before: any distribution can be computed, and one wrong token or one stale entry in
/// the cache changes all that follows. It checks its caller against the contract of <see cref="IPromptedModel"/>, and allocates nothing.
/// </summary>
internal sealed class ToyModel : IPromptedModel, IForwardPass
{
    // A pass's tree adds at most this many tokens to a picture's.
    private const int MostBranches = 64;

    private readonly TokenLayout _layout;
    private readonly ulong[] _prefixes; // entry k: the hash of the k-th cached token and of all that it follows; 0: of nothing
    private readonly int[] _positions; // entry k: the position after that token
    private readonly ulong[] _embeddings; // by position: what is read there in the place of a code
    private readonly (int Call, int Steps)[] _read; // by position: when it was last read as noise, and how many steps were left
    private readonly float[] _conditional;
    private readonly float[] _unconditional;
    private int _most; // denoising steps of this picture
    private int _cached = -1;
    private int _rows;
    private bool _ran = true;

    public ToyModel(TokenLayout layout)
    {
        _layout = layout;
        int longest = layout.Length + MostBranches + 1;
        _prefixes = new ulong[longest];
        _positions = new int[longest];
        _embeddings = new ulong[longest];
        _read = new (int, int)[longest];
        _conditional = new float[longest * layout.Codes];
        _unconditional = new float[longest * layout.Codes];
    }

    /// <summary>How much the logits depend on the position alone, and how much on all that stands before it.</summary>
    public float PositionEffect { get; init; } = 1;

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
            Demand(_ran, "There are logits after a pass.");
            int length = _rows * Codes;
            return new Logits(_conditional.AsSpan(..length), HasUnconditionalLane ? _unconditional.AsSpan(..length) : [], Codes);
        }
    }

    public void FeedPrompt()
    {
        (_cached, _rows, _ran, _most) = (0, 1, false, 0);
    }

    public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents)
    {
        Demand(_ran, "What is fed is run before more is fed.");
        Demand(_cached >= 0, "The prompt comes first.");
        Demand(rows >= 1 && rows <= ids.Length, "There are logits after each new id, and not before.");
        Demand(parents.IsEmpty || parents.Length == ids.Length, "Every id of a tree has a parent.");
        int cached = _cached;
        for (int i = 0; i < ids.Length; i++)
        {
            int parent = parents.IsEmpty ? i - 1 : parents[i];
            Demand(parent >= -1 && parent < i, "Parents come before their children.");
            int before = cached + parent + 1;
            int position = _positions[before];
            int legal = _layout.ForcedId(position) ?? Math.Clamp(ids[i], _layout.FirstCode, _layout.FirstCode + Codes - 1);
            Demand(ids[i] == legal, "Structure stands where the layout says, and codes everywhere else.");
            Demand(position < _layout.LastCode, "What follows the last image code needs no pass.");
            _cached++;
            _prefixes[_cached] = Extend(_prefixes[before], ids[i]);
            _positions[_cached] = position + 1;
        }

        (_rows, _ran) = (rows, false);
    }

    /// <summary>A noisy embedding is a hash of the noise and of all estimates since: anything that depends on the position alone.</summary>
    public void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness)
    {
        Demand(steps.Length == ids.Length, "Every id has its steps.");
        int cached = _cached;
        Feed(ids, rows, []);
        for (int i = 0; i < ids.Length; i++)
        {
            int position = _positions[cached + i];
            Demand(steps[i] == 0 || _layout.ForcedId(position) is null, "Structure is no noise.");
            bool goesOn = _read[position] == (Calls, steps[i] + 1);
            Demand(goesOn || steps[i] == 0 || _most == 0 || steps[i] == _most, "What is new has all steps before it, and every pass takes one.");
            _most = Math.Max(_most, steps[i]);
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
        Demand(!_ran, "A pass has something to read.");
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
        Demand(length >= 0 && length <= _cached, "Only what is cached can be forgotten.");
        Demand(_ran, "Nothing is forgotten before it is read.");
        for (int token = 1; token <= length; token++)
            Demand(_positions[token] == token, "What stays is the picture so far, in its order.");
        _cached = length;
    }

    /// <summary>The probability of every picture, image codes read as digits, the first one the most significant.</summary>
    public double[] Law(SamplingOptions sampling)
    {
        var law = new double[(int)Math.Pow(Codes, _layout.ImageTokens)];
        Extend(position: 0, prefix: 0, digits: 0, probability: 1);
        return law;

        void Extend(int position, ulong prefix, int digits, double probability)
        {
            if (position > _layout.LastCode)
            {
                law[digits] = probability;
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

    // Assert's own methods allocate, and a test here counts allocations
    private static void Demand(bool kept, string contract)
    {
        if (!kept)
            Assert.Fail(contract);
    }

    private static ulong Extend(ulong prefix, int id) => Mix(prefix ^ (ulong)(id + 1));

    private static float Noise(ulong address) => (float)(((Mix(address) >> 11) / (double)(1UL << 52)) - 1);

    // SplitMix64's finaliser
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
